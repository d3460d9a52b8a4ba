"""Reads members of a zip archive, or files of the folder it unpacks to, by name and without unpacking."""

from __future__ import annotations

import dataclasses
import pathlib
import struct
import zipfile
import zlib

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.problems.readers.archives import MAX_MEMBER_BYTES, check_member_name

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # encrypted
    NotImplementedError,  # unknown compression
    OverflowError,
)


@dataclasses.dataclass(frozen=True)
class _Entry:
    offset: int
    method: int
    crc: int
    compressed: int
    size: int


class FolderReader:
    """Files of an unpacked archive by their path inside it.

    Args:
        folder: the folder the archive unpacks to.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def where(self, name: str) -> str:
        """The location of a member, for messages."""
        return str(self._folder / name)

    def __contains__(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            SourceError: the name points outside the folder.
            BadExampleError: the file cannot be read.
        """
        check_member_name(name, str(self._folder))
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            raise BadExampleError("unreadable file") from None


class ZipReader:
    """Members of a zip archive by name. A zip without its directory (a truncated download) is scanned from its start.

    Args:
        path: the archive.
        source: receives a drop if the archive is truncated.

    Raises:
        SourceError: the file is not a zip archive, or a member has an absolute or parent path.
    """

    def __init__(self, path: pathlib.Path, source: Source):
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self._entries = {info.filename: info for info in self._zip.infolist()}
        except _ZIP_ERRORS:
            self._zip = None
            self._entries = _scan(path, source)
        for name in self._entries:
            check_member_name(name, str(path))

    def names(self) -> list[str]:
        """Names of all members, in stored order."""
        return list(self._entries)

    def where(self, name: str) -> str:
        """Archive, member and offset, for messages."""
        entry = self._entries.get(name)
        if entry is None:
            return f"{self._path}: member {name}"
        offset = entry.header_offset if isinstance(entry, zipfile.ZipInfo) else entry.offset
        return f"{self._path}: member {name}, offset {offset}"

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of one member, checked against its checksum.

        Raises:
            BadExampleError: the member is missing or damaged.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise BadExampleError("no such member in the archive")
        try:
            if self._zip is not None:
                if entry.file_size > MAX_MEMBER_BYTES:
                    raise BadExampleError("archive member larger than 1 GiB")
                return self._zip.read(entry)
            return _read_scanned(self._path, entry)
        except _ZIP_ERRORS:
            raise BadExampleError("damaged archive member") from None


def _scan(path: pathlib.Path, source: Source) -> dict[str, _Entry]:
    """Complete members of a zip that lost its directory, found by their local headers."""
    entries: dict[str, _Entry] = {}
    last, offset = "before the first member", 0
    with open(path, "rb") as file:
        end = file.seek(0, 2)
        while offset < end:
            file.seek(offset)
            header = file.read(_LOCAL_HEADER.size)
            if header[:4] in (b"PK\1\2", b"PK\5\6", b"PK\6\6"):
                return _report(path, source, entries, last, offset)
            if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\3\4":
                break
            _, _, flags, method, _, _, crc, compressed, size, name_length, extra = _LOCAL_HEADER.unpack(header)
            name = file.read(name_length).decode("utf-8", "replace")
            start = offset + _LOCAL_HEADER.size + name_length + extra
            unknown_size = flags & 0x9 or 0xFFFFFFFF in (compressed, size)
            if unknown_size or start + compressed > end:
                last = f"member {name}"
                break
            entries[name] = _Entry(start, method, crc, compressed, size)
            last, offset = f"after member {name}", start + compressed
    if not entries:
        raise SourceError(f"{path} is not a zip archive, or is truncated inside its first member; download it again")
    return _report(path, source, entries, last, offset)


def _report(path: pathlib.Path, source: Source, entries: dict, last: str, offset: int) -> dict[str, _Entry]:
    source.drop("truncated archive", f"{path}: {last}, offset {offset}")
    return entries


def _read_scanned(path: pathlib.Path, entry: _Entry) -> bytes:
    if entry.size > MAX_MEMBER_BYTES:
        raise BadExampleError("archive member larger than 1 GiB")
    with open(path, "rb") as file:
        file.seek(entry.offset)
        data = file.read(entry.compressed)
    if entry.method == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
    elif entry.method != zipfile.ZIP_STORED:
        raise BadExampleError("unknown compression in the archive")
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        raise BadExampleError("damaged archive member")
    return data
