"""Lines of text as corpora ship them: plain files, .gz, WMT's .sgm, and members of tar archives, without unpacking.

Lines end only at the newline byte. `str.splitlines` also splits at U+2028 or U+0085; then the lines of two parallel
files would no longer match.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import html
import io
import pathlib
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from t2t_multimodel.data import text_lines
from t2t_multimodel.data.problem import Source
from t2t_multimodel.data.text_lines import InvalidUtf8Error
from t2t_multimodel.errors import BadExampleError, SourceError

_BLOCK = 1 << 20
_ARCHIVE_SUFFIXES = (".tgz", ".tar.gz", ".tar")
# What tarfile, gzip and zlib raise on damaged files.
_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError, RecursionError)
# An s of the plural may follow.
_COLUMN_NAMES = frozenset(
    (
        *("input", "output", "source", "target", "src", "tgt", "trg", "text", "label", "class", "id"),
        *("prompt", "response", "question", "answer", "document", "summary", "sentence", "sentence1", "sentence2"),
        *("translation", "original", "reference", "en", "de", "fr", "english", "german", "french"),
        *("path", "file", "filename", "file_name", "audio", "image", "picture", "caption"),
        *("transcript", "transcription"),
    )
)
_SGM_MARK = re.compile(rb"<(doc|seg)\b([^>]*)>", re.IGNORECASE)
_SGM_SEGMENT_END = re.compile(rb"</seg\s*>", re.IGNORECASE)
_SGM_ID = re.compile(rb"\b(?:docid|id)\s*=\s*[\"']?([^\"'>\s]+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class TextFile:
    """A file of lines, loose or inside of a tar archive.

    Args:
        path: the file, or the archive.
        member: the member's name inside of the archive, or empty.
        offset: where the member's data start in the uncompressed archive.
        size: bytes of the member.
        lines: the member's number of lines, counted when the archive was listed.
    """

    path: pathlib.Path
    member: str = ""
    offset: int = 0
    size: int = 0
    lines: int = -1

    def __str__(self) -> str:
        name = f"{self.path}:{self.member}" if self.member else str(self.path)
        return name.encode("utf-8", "backslashreplace").decode("utf-8")

    @property
    def name(self) -> str:
        """The name of the file, without folders and without ``.gz``."""
        name = pathlib.PurePosixPath(self.member).name if self.member else self.path.name
        return name.removesuffix(".gz")

    @property
    def is_sgm(self) -> bool:
        """Whether the lines are segments of WMT's SGML."""
        return self.name.lower().endswith((".sgm", ".sgml"))


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line as bytes, without its newline.

    Args:
        raw: the bytes.
        number: 1-based.
        offset: of its first byte in the (uncompressed) file.
        key: document and segment of an .sgm file, else empty.
    """

    raw: bytes
    number: int
    offset: int
    key: tuple[bytes, bytes] = (b"", b"")


def decode_line(line: Line) -> str:
    """The line as text, without a byte order mark and without a carriage return at the end.

    Raises:
        InvalidUtf8Error: the line is not UTF-8.
    """
    return text_lines.decode_line(line.raw, line.number, line.offset, "segment" if any(line.key) else "line")


def decoded_lines(file: TextFile, source: Source) -> Iterator[tuple[int, str]]:
    """Number and text of each line; those that are not UTF-8, and the rest of a damaged file, are dropped.

    Args:
        file: where to read.
        source: receives what is dropped.
    """
    lines = read_lines(file)
    while True:
        try:
            line = next(lines, None)
        except BadExampleError as error:
            source.drop("damaged text file, its rest is left out", str(error))
            return
        if line is None:
            return
        try:
            text = decode_line(line)
        except InvalidUtf8Error as error:
            source.drop("invalid UTF-8", f"{file}: {error.where}")
            continue
        yield line.number, text


def are_column_names(columns: Sequence[str]) -> bool:
    """Whether the columns of a first line look like their names, e.g. ``inputs`` and ``targets``.

    Example:
        >>> are_column_names(["Inputs", "targets"]), are_column_names(["say 1", "dis 1"])
        (True, False)
    """
    names = [column.strip().strip("\"'#").strip().lower() for column in columns]
    known = all(name in _COLUMN_NAMES or name.removesuffix("s") in _COLUMN_NAMES for name in names)
    return known and len(set(names)) == len(names) > 1


def read_lines(file: TextFile) -> Iterator[Line]:
    """Lines of a file in order; segments of an .sgm file, their entities resolved.

    Raises:
        BadExampleError: the file is damaged; raised when reading reaches the damage.
    """
    with _naming_damage(file), _open(file) as stream:
        if file.is_sgm:
            yield from _read_segments(stream)
            return
        offset = 0
        for number, raw in enumerate(stream, 1):
            if number == 1 and text_lines.is_utf16(raw):
                raise ValueError(text_lines.UTF16_REFUSED)
            if number == 1 and not raw.endswith(b"\n") and b"\r" in raw.rstrip(b"\r"):
                raise ValueError("lines end with carriage returns alone, convert them to newlines")
            yield Line(raw.removesuffix(b"\n"), number, offset)
            offset += len(raw)


def count_lines(file: TextFile) -> int:
    """Number of lines that `read_lines` yields.

    Raises:
        BadExampleError: the file is damaged.
    """
    if file.is_sgm:
        return sum(1 for _ in read_lines(file))
    if file.lines >= 0:
        return file.lines
    with _naming_damage(file), _open(file) as stream:
        return _count_newlines(stream)


def _count_newlines(stream: BinaryIO) -> int:
    lines, last = 0, b"\n"
    while block := stream.read(_BLOCK):
        lines += block.count(b"\n")
        last = block[-1:]
    return lines + (last != b"\n")


def _read_segments(stream: BinaryIO) -> Iterator[Line]:
    """Segments ``<seg id=..>text</seg>`` with the document they stand in; one may span lines."""
    data = stream.read()
    document = b""
    position = number = 0
    while mark := _SGM_MARK.search(data, position):
        found = _SGM_ID.search(mark.group(2))
        identity = found.group(1) if found else b""
        start, position = mark.end(), mark.end()
        if mark.group(1).lower() == b"doc":
            document = identity
            continue
        end = _SGM_SEGMENT_END.search(data, start)
        if end is None or _SGM_MARK.search(data, start, end.start()):
            raise ValueError(f"segment {number + 1} at byte {mark.start()} has no end")
        position = end.end()
        number += 1
        yield Line(_resolve_entities(data[start : end.start()]), number, start, (document, identity))


def _resolve_entities(raw: bytes) -> bytes:
    if b"&" in raw:
        # With surrogateescape, bytes that are not UTF-8 reach `decode_line`, which reports them.
        text = html.unescape(raw.decode("utf-8", "surrogateescape"))
        raw = text.encode("utf-8", "surrogateescape")
    return b" ".join(raw.split())


@contextlib.contextmanager
def _naming_damage(file: TextFile) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise BadExampleError(f"{file}: damaged file ({_one_line(error)})") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def _open(file: TextFile) -> Iterator[BinaryIO]:
    if not file.member:
        with gzip.open(file.path) if file.path.name.endswith(".gz") else open(file.path, "rb") as stream:
            yield stream
        return
    with gzip.open(file.path) if _is_compressed(file.path) else open(file.path, "rb") as archive:
        archive.seek(file.offset)
        member = io.BufferedReader(_Slice(archive, file.size), _BLOCK)
        with gzip.open(member) if file.member.endswith(".gz") else member as stream:
            yield stream


def _is_compressed(archive: pathlib.Path) -> bool:
    return not archive.name.lower().endswith(".tar")


class _Slice(io.RawIOBase):
    """The next `size` bytes of a stream as a file; EOFError if the stream ends before."""

    def __init__(self, stream: BinaryIO, size: int):
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        if not data and self._left and len(buffer):
            raise EOFError(f"{self._left} bytes are missing")
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def is_archive(path: pathlib.Path) -> bool:
    """Whether the name is that of a tar archive that `list_archive` can read."""
    return path.name.lower().endswith(_ARCHIVE_SUFFIXES)


@dataclasses.dataclass(frozen=True)
class ArchiveListing:
    """Regular files of an archive up to the first damage.

    Args:
        files: in the archive's order.
        damage: what ended the listing early, or empty.
    """

    files: tuple[TextFile, ...]
    damage: str = ""


def list_archive(path: pathlib.Path) -> ArchiveListing:
    """The files in a tar archive, their lines counted, in one pass and without unpacking.

    Links and devices are left out. A damaged archive is listed up to the damage.

    Raises:
        SourceError: a member's path is absolute or leaves the folder.
    """
    status = path.stat()
    return _list_archive(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _list_archive(path: pathlib.Path, modified: int, size: int) -> ArchiveListing:
    del modified, size  # part of the cache's key: a rewritten archive is listed again
    files: list[TextFile] = []
    try:
        with gzip.open(path) if _is_compressed(path) else open(path, "rb") as stream:
            for file in _list_members(path, stream):
                files.append(file)
    except _DAMAGE as error:
        return ArchiveListing(tuple(files), _one_line(error))
    return ArchiveListing(tuple(files))


def _list_members(path: pathlib.Path, stream: BinaryIO) -> Iterator[TextFile]:
    previous = -1
    with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as archive:
        for member in archive:
            # With a negative size, tarfile goes back and loops forever.
            if member.size < 0 or member.offset <= previous:
                raise ValueError(f"damaged header at byte {member.offset}")
            previous = member.offset
            _refuse_unsafe(path, member.name)
            data = archive.extractfile(member) if member.isreg() else None
            if data is not None:
                lines = -1 if member.name.endswith(".gz") else _count_newlines(data)
                yield TextFile(path, member.name, member.offset_data, member.size, lines)
        # tarfile treats an unreadable header as the end of the archive.
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError(f"damaged or missing header at byte {archive.offset}")


def _refuse_unsafe(path: pathlib.Path, member: str) -> None:
    parts = member.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", member):
        raise SourceError(
            f"{path}: member {member!r} has an absolute or parent path; take the archive from its official source"
        )
