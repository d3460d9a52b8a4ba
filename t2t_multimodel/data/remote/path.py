"""A path in an object store, with the methods of `pathlib.Path` that the project uses."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import os
import posixpath
import re
from collections.abc import Iterator

from t2t_multimodel.data.remote import store

_DOUBLED = re.compile("/{2,}")


@dataclasses.dataclass(frozen=True)
class RemoteStat:
    """Size in bytes and time of change of an object."""

    st_size: int
    st_mtime_ns: int


@functools.total_ordering
class RemotePath(os.PathLike):
    """An address such as ``s3://bucket/folder/file``; methods mean what they mean in `pathlib.Path`.

    A store has no folders: one is there as long as an object begins with its name.

    Args:
        url: the address.

    Raises:
        StorageError: (all methods that ask the store) it does not answer, or it refuses.

    Example:
        >>> RemotePath("s3://bucket/data/") / "mini_caption.json"
        RemotePath('s3://bucket/data/mini_caption.json')
        >>> RemotePath("s3://bucket/run/ckpt-5.index").with_suffix(".done").name
        'ckpt-5.done'
    """

    def __init__(self, url: str | os.PathLike):
        scheme, _, rest = os.fspath(url).partition("://")
        self._url = f"{scheme}://{_DOUBLED.sub('/', rest).strip('/')}"

    def __fspath__(self) -> str:
        return self._url

    __str__ = __fspath__

    def __repr__(self) -> str:
        return f"RemotePath({self._url!r})"

    def __eq__(self, other) -> bool:
        return isinstance(other, RemotePath) and self._url == other._url

    def __lt__(self, other: RemotePath) -> bool:
        return self._url < other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __truediv__(self, name: str | os.PathLike) -> RemotePath:
        return RemotePath(f"{self._url}/{os.fspath(name)}")

    @property
    def name(self) -> str:
        """The last part; empty for a bucket."""
        return posixpath.basename(self._url) if self._has_key else ""

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return posixpath.splitext(self.name)[0]

    @property
    def parent(self) -> RemotePath:
        """The folder above; a bucket is its own."""
        return RemotePath(posixpath.dirname(self._url)) if self._has_key else self

    @property
    def _has_key(self) -> bool:
        return "/" in self._url.partition("://")[2]

    def with_name(self, name: str) -> RemotePath:
        """The path with another last part."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> RemotePath:
        """The path with another ending."""
        return self.with_name(self.stem + suffix)

    def resolve(self) -> RemotePath:
        """The path itself: addresses are whole."""
        return self

    def exists(self) -> bool:
        """Whether an object or a folder of this name is there."""
        return self._sure(self._gfile.exists)

    def is_dir(self) -> bool:
        """Whether objects lie below."""
        return self._sure(self._gfile.isdir)

    def is_file(self) -> bool:
        """Whether it is an object."""
        return self.exists() and not self.is_dir()

    def stat(self) -> RemoteStat:
        """Size and time of an object.

        Raises:
            FileNotFoundError: there is none.
        """
        with store.plain_errors(self._url):
            found = self._gfile.stat(self._address)
        return RemoteStat(found.length, found.mtime_nsec)

    def iterdir(self) -> Iterator[RemotePath]:
        """What lies in a folder.

        Raises:
            FileNotFoundError: nothing does.
        """
        with store.plain_errors(self._url):
            names = self._gfile.listdir(self._address)
        return (self / name for name in sorted({name.strip("/") for name in names} - {""}))

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """What lies in this folder under names of a pattern."""
        found = self.iterdir() if self.is_dir() else ()
        return (path for path in found if fnmatch.fnmatchcase(path.name, pattern))

    def read_bytes(self) -> bytes:
        """The whole object.

        Raises:
            FileNotFoundError: there is none.
        """
        import tensorflow as tf

        with store.plain_errors(self._url):
            _ = self._gfile
            return tf.io.read_file(self._address).numpy()  # larger requests than GFile makes

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole object as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes) -> None:
        """Writes an object whole, in one request or in parts that count once all are there."""
        with store.plain_errors(self._url), self._gfile.GFile(self._address, "wb") as file:
            file.write(data)

    def upload(self, file: str | os.PathLike) -> None:
        """Writes a local file as an object, whole."""
        with store.plain_errors(self._url):
            self._gfile.copy(os.fspath(file), self._address, overwrite=True)

    def touch(self) -> None:
        """Writes an empty object."""
        self.write_bytes(b"")

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes an object."""
        try:
            with store.plain_errors(self._url):
                self._gfile.remove(self._address)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def replace(self, target: RemotePath) -> None:
        """Renames an object: it is copied, then removed."""
        with store.plain_errors(self._url):
            self._gfile.rename(self._address, os.fspath(target), overwrite=True)

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes sure that the bucket is there; a store has no folders."""
        del parents, exist_ok
        store.require_bucket(self._url)

    def remove_tree(self) -> None:
        """Removes all objects below."""
        with store.plain_errors(self._url):
            self._gfile.rmtree(self._address)

    @property
    def _gfile(self):
        return store.gfile(self._url)

    @property
    def _address(self) -> str:
        return self._url if self._has_key else f"{self._url}/"

    def _sure(self, ask) -> bool:
        """The answer to a question; a "no" counts where the bucket answers, too."""
        with store.plain_errors(self._url):
            if ask(self._address):
                return True
        store.require_bucket(self._url)
        return False
