"""Files of this machine and objects of a store by the same few operations."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from t2t_multimodel import paths
from t2t_multimodel.data.remote import cache, store
from t2t_multimodel.data.remote.path import RemotePath

AnyPath = pathlib.Path | RemotePath


def at(path: str | os.PathLike) -> AnyPath:
    """A `pathlib.Path`, or for ``gs://`` and ``s3://`` a path of the same methods.

    Raises:
        PathError: an address of another kind.

    Example:
        >>> at("data") / "mini_caption.json"
        PosixPath('data/mini_caption.json')
        >>> at("s3://bucket/data") / "mini_caption.json"
        RemotePath('s3://bucket/data/mini_caption.json')
    """
    return RemotePath(path) if paths.is_remote(path) else pathlib.Path(path)


def local_copy(path: str | os.PathLike) -> pathlib.Path:
    """The file itself, or a local copy of an object: see `remote.cache.local_copy`."""
    path = at(path)
    return cache.local_copy(path) if isinstance(path, RemotePath) else path


def open_to_read(path: str | os.PathLike) -> BinaryIO:
    """A file opened, or an object read whole.

    Raises:
        OSError: it cannot be read.
    """
    path = at(path)
    return io.BytesIO(path.read_bytes()) if isinstance(path, RemotePath) else open(path, "rb")


def scratch_folder(path: str | os.PathLike) -> pathlib.Path:
    """Where temporary files of a data folder go: `tmp` in it, or in the cache for one in a store."""
    path = at(path)
    return cache.cache_folder() / "tmp" if isinstance(path, RemotePath) else path / "tmp"


def growing_file(path: str | os.PathLike, ending: str) -> pathlib.Path:
    """A local file that grows until it can be moved to `path`: it lies beside it, or in the cache for an object."""
    path = at(path)
    if isinstance(path, RemotePath):
        return cache.scratch("parts", f"{cache.key_of(path)}{ending}")
    return pathlib.Path(f"{path}{ending}")


def move(file: pathlib.Path, path: str | os.PathLike) -> None:
    """Puts a local file in the place of `path`, whole."""
    path = at(path)
    if isinstance(path, RemotePath):
        path.upload(file)
        file.unlink()
    else:
        os.replace(file, path)


def remove_tree(path: AnyPath) -> None:
    """Removes a folder with all that lies in it; what cannot be removed stays."""
    if isinstance(path, RemotePath):
        path.remove_tree()
    else:
        shutil.rmtree(path, ignore_errors=True)


def check_store(path: str | os.PathLike) -> None:
    """Raises a StorageError where a path is in a store that cannot be reached; nothing for a local path."""
    if paths.is_remote(path):
        store.require_bucket(os.fspath(path))


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a temporary file that replaces `path` when the block ends without an error.

    A pipe or device, such as ``/dev/stdout``, is written as it is. An object is uploaded whole.

    Raises:
        OSError: it cannot be written; the error names `path`.
        StorageError: an object cannot be written.

    Example:
        >>> with atomic_file("model.json") as file:
        ...     file.write(b"{}")
        2
    """
    path = at(path)
    if isinstance(path, RemotePath):
        with tempfile.NamedTemporaryFile(dir=cache.scratch("tmp", "").parent) as file:
            yield file
            file.flush()
            path.upload(file.name)
        return
    with _atomic_local_file(path) as file:
        yield file


@contextlib.contextmanager
def _atomic_local_file(path: pathlib.Path) -> Iterator[BinaryIO]:
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or device is no file that could be replaced
        with open(path, "wb") as file:
            yield file
        return
    with _naming(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        with _naming(path):
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Errors name `path`, not the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data`; at any time `path` is either the old file or the complete new one."""
    if paths.is_remote(path):
        at(path).write_bytes(data)
        return
    with atomic_file(path) as file:
        file.write(data)


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
