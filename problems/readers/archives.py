"""Reads tar archives member by member, without unpacking them and without trusting them.

An archive is streamed once from start to end. The intact members of a damaged or truncated archive are delivered. The
rest is reported through `Source.drop` with file, member and offset. Absolute and parent paths are refused.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import pathlib
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import SourceError

MAX_MEMBER_BYTES = 1 << 30
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20
_MAX_EXTENDED_HEADER = 1 << 20
_WITHOUT_DATA = frozenset((tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE))
_EXTENDED = frozenset(
    (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
)


@dataclasses.dataclass(frozen=True)
class Member:
    """One file of an archive or of a folder.

    Attributes:
        name: path inside the innermost archive, or relative to the folder.
        data: its bytes.
        where: archive, member and offset, for messages.
        parent: name of the nested archive that holds it, or "".
    """

    name: str
    data: bytes
    where: str
    parent: str = ""


class _Damaged(Exception):
    """Internal: the rest of an archive cannot be read; the innermost reader sets `where`."""

    def __init__(self, reason: str, where: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.where = where


class _Cut(_Damaged):
    """Internal: the file itself ends early, so the outer archive cannot be read further either."""


def check_member_name(name: str, where: str) -> None:
    """Refuses a member path that points outside the archive.

    Raises:
        SourceError: the path is absolute, names a drive, or has a parent step.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":" or ".." in path.split("/"):
        raise SourceError(
            f"{where}: member {name!r} has an absolute or parent path; get the archive again from its publisher"
        )


def tar_members(
    path: pathlib.Path, source: Source, *, wanted: Callable[[str], bool] | None = None, nested: bool = False
) -> Iterator[Member]:
    """Regular files of a .tar or .tar.gz in the order they are stored.

    Args:
        path: the archive; gzip is recognised by its first bytes.
        source: receives what is truncated or damaged.
        wanted: whether to read the member of this name; the others are skipped.
        nested: also read inside members whose name ends with ``.tar``; `wanted` then gets the inner names.

    Yields:
        complete members.

    Raises:
        SourceError: the file is missing, or a member has an absolute or parent path.
    """
    wanted = wanted or (lambda name: True)
    with _open(path) as file:
        stream = _FileStream(file)
        try:
            yield from _members(stream, str(path), source, wanted, nested)
        except _Damaged as error:
            source.drop(error.reason, error.where or f"{path}: offset {stream.offset}")


def folder_members(folder: pathlib.Path, source: Source, *, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Files below a folder whose relative path is wanted, in sorted order; links are followed, each once.

    Args:
        folder: where to start.
        source: receives what cannot be read.
        wanted: whether to read the file of this relative path, with forward slashes.
    """
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        folders.sort()
        for name in sorted(files):
            path = pathlib.Path(root) / name
            member = path.relative_to(folder).as_posix()
            if not wanted(member):
                continue
            try:
                yield Member(name=member, data=path.read_bytes(), where=str(path))
            except OSError:
                source.drop("unreadable file", str(path))


def _open(path: pathlib.Path) -> BinaryIO:
    try:
        with open(path, "rb") as file:
            magic = file.read(2)
        return gzip.open(path, "rb") if magic == b"\x1f\x8b" else open(path, "rb")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}; check --source_dir") from None


class _FileStream:
    """Counts offsets and raises `_Cut` at an early end. In plain files, `skip` seeks."""

    def __init__(self, file: BinaryIO):
        self.offset = 0
        self._file = file
        self._size = None if isinstance(file, gzip.GzipFile) else os.fstat(file.fileno()).st_size

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or none at the clean end of the file."""
        if self._size is not None and count > self._size - self.offset > 0:
            raise _Cut("truncated archive")
        try:
            data = self._file.read(count)
        except EOFError:
            raise _Cut("truncated archive") from None
        except (OSError, zlib.error):
            raise _Cut("damaged gzip data") from None
        if data and len(data) < count:
            raise _Cut("truncated archive")
        self.offset += len(data)
        return data

    def skip(self, count: int) -> None:
        if self._size is not None:
            if count > self._size - self.offset:
                raise _Cut("truncated archive")
            self._file.seek(count, os.SEEK_CUR)
            self.offset += count
            return
        while count:
            step = min(count, _CHUNK)
            if not self.read(step):
                raise _Cut("truncated archive")
            count -= step


class _SliceStream:
    """The next `size` bytes of another stream, which is a nested archive."""

    def __init__(self, outer: _FileStream | _SliceStream, size: int):
        self._outer = outer
        self.left = size

    @property
    def offset(self) -> int:
        return self._outer.offset

    def read(self, count: int) -> bytes:
        if not self.left:
            return b""
        if count > self.left:
            raise _Damaged("truncated nested archive")
        data = self._outer.read(count)
        if len(data) < count:
            raise _Cut("truncated archive")
        self.left -= count
        return data

    def skip(self, count: int) -> None:
        if count > self.left:
            raise _Damaged("truncated nested archive")
        self._outer.skip(count)
        self.left -= count


_Stream = _FileStream | _SliceStream


def _members(
    stream: _Stream, archive: str, source: Source, wanted: Callable[[str], bool], nested: bool, parent: str = ""
) -> Iterator[Member]:
    for name, size, where in _entries(stream, archive, source):
        padding = -size % _BLOCK
        if nested and name.endswith(".tar"):
            yield from _nested_members(_SliceStream(stream, size), where, source, wanted, name)
        elif not wanted(name):
            _at(where, stream.skip, size)
        elif size > MAX_MEMBER_BYTES:
            _at(where, stream.skip, size)
            source.drop("archive member larger than 1 GiB", where)
        else:
            yield Member(name=name, data=_read(stream, size, where), where=where, parent=parent)
        if padding:
            _at(where, stream.skip, padding)


def _nested_members(
    inner: _SliceStream, where: str, source: Source, wanted: Callable[[str], bool], parent: str
) -> Iterator[Member]:
    try:
        yield from _members(inner, where, source, wanted, nested=False, parent=parent)
    except _Cut:
        raise
    except _Damaged as error:
        source.drop(error.reason, error.where or where)
    _at(where, inner.skip, inner.left)


def _at(where: str, action: Callable[[int], object], count: int) -> object:
    """Runs a stream action; if the archive ends inside it, the error gets `where`."""
    try:
        return action(count)
    except _Damaged as error:
        error.where = error.where or where
        raise


def _read(stream: _Stream, size: int, where: str) -> bytes:
    data = _at(where, stream.read, size) if size else b""
    if len(data) < size:
        raise _Cut("truncated archive", where)
    return data


def _entries(stream: _Stream, archive: str, source: Source) -> Iterator[tuple[str, int, str]]:
    """Name, size and location of each regular file; the caller reads data and padding before the next."""
    extended: dict[str, str] = {}
    first = "before the first member"
    last = first
    while True:
        where = f"{archive}: {last}, offset {stream.offset}"
        block = _at(where, stream.read, _BLOCK)
        if not block and last is first:
            raise _Damaged("empty archive", where)
        if not block:
            source.warn(
                f"{where}: the archive lacks its end mark and may be cut off; compare its size with the original"
            )
        if not block.strip(b"\0"):
            return
        info = _parse_header(block, where)
        if info.type in _EXTENDED:
            if info.size > _MAX_EXTENDED_HEADER:
                raise _Damaged("damaged archive header", where)
            data = _read(stream, info.size, where)
            _at(where, stream.skip, -info.size % _BLOCK)
            extended.update(_parse_extended(info.type, data, where))
            continue
        name, size = extended.get("path", info.name), _size(extended.get("size"), info.size, where)
        extended = {}
        check_member_name(name, where)
        where = f"{archive}: member {name}, offset {stream.offset - _BLOCK}"
        last = f"after member {name}"
        if info.isreg() and info.type != tarfile.GNUTYPE_SPARSE:
            yield name, size, where
        elif info.type not in _WITHOUT_DATA and info.type != tarfile.FIFOTYPE:
            _at(where, stream.skip, size + -size % _BLOCK)


def _parse_header(block: bytes, where: str) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except (tarfile.TarError, ValueError):
        raise _Damaged("damaged archive header", where) from None
    if info.size < 0:
        raise _Damaged("damaged archive header", where)
    return info


def _size(text: str | None, size: int, where: str) -> int:
    if text is None:
        return size
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _Damaged("damaged archive header", where)
    return int(text)


def _parse_extended(kind: bytes, data: bytes, where: str) -> dict[str, str]:
    """Path and size of the next member, as a GNU long name or a pax header gives them."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.rstrip(b"\0").decode("utf-8", "replace")}
    if kind not in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        return {}
    found = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or len(length) > 7 or not len(length) + 1 < int(length) <= len(data):
            raise _Damaged("damaged archive header", where)
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        data = data[int(length) :]
    return {key: value for key, value in found.items() if key in ("path", "size")}
