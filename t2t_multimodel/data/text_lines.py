"""Lines of text that people give: one rule for byte order marks, line ends and bytes that are not UTF-8.

Every place that reads lines of text calls this module. A byte order mark belongs to no line. A line ends at the
newline byte, with or without carriage returns before it. A line that is not UTF-8 costs itself alone and is named by
its number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from t2t_multimodel.data import storage
from t2t_multimodel.errors import BadExampleError

_MARK = b"\xef\xbb\xbf"
UTF16_REFUSED = "text in UTF-16, save it as UTF-8"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class InvalidUtf8Error(BadExampleError):
    """A line is not UTF-8.

    Args:
        where: the line's number and the offset of the first bad byte in its file.
    """

    def __init__(self, where: str):
        super().__init__(f"{where}: invalid UTF-8")
        self.where = where


def without_mark(text: bytes) -> bytes:
    """The bytes without byte order marks at their start; there are several where marked files were joined.

    Example:
        >>> without_mark(b"\\xef\\xbb\\xbfgo")
        b'go'
    """
    while text.startswith(_MARK):
        text = text[len(_MARK) :]
    return text


def is_utf16(start: bytes) -> bool:
    """Whether a file that begins with these bytes has the byte order mark of UTF-16.

    Example:
        >>> is_utf16("go".encode("utf-16"))
        True
    """
    return start.startswith(_UTF16_MARKS)


def decode_line(raw: bytes, number: int, offset: int = 0, unit: str = "line") -> str:
    """One line as text, without byte order mark and line end.

    Args:
        raw: the bytes of the line.
        number: of the line, from 1, for messages.
        offset: of its first byte in the file, for messages.
        unit: what is counted, for messages.

    Raises:
        InvalidUtf8Error: the line is not UTF-8.

    Example:
        >>> decode_line(b"\\xef\\xbb\\xbfgo\\r\\n", number=1)
        'go'
    """
    text = without_mark(raw.rstrip(b"\r\n"))
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        skipped = len(raw.rstrip(b"\r\n")) - len(text)
        raise InvalidUtf8Error(f"{unit} {number}, byte {offset + skipped + error.start}") from None


def decode_lines(lines: Iterable[bytes]) -> Iterator[str | InvalidUtf8Error]:
    """Text of each line; in the place of a line that is not UTF-8 stands its error.

    Args:
        lines: the bytes of each line, with the newline or, in a list split at it, without.

    Raises:
        BadExampleError: the text is UTF-16.

    Example:
        >>> list(decode_lines([b"go\\n", b"gr\\xfcn\\n"]))
        ['go', InvalidUtf8Error('line 2, byte 5: invalid UTF-8')]
    """
    offset = 0
    for number, raw in enumerate(lines, 1):
        if number == 1 and is_utf16(raw):
            raise BadExampleError(UTF16_REFUSED)
        try:
            yield decode_line(raw, number, offset)
        except InvalidUtf8Error as error:
            yield error
        offset += len(raw) + (not raw.endswith(b"\n"))


def read_lines(path: str | os.PathLike) -> list[str | InvalidUtf8Error]:
    """The lines of a file as `decode_lines` gives them; a newline at the end of the file begins no further line.

    Where there is no newline at all, lines end with carriage returns, as on old systems.

    Raises:
        OSError: the file cannot be read.
        BadExampleError: the text is UTF-16.

    Example:
        ```python
        from t2t_multimodel.data.text_lines import read_lines

        lines = read_lines("inputs.txt")
        ```
    """
    data = storage.at(path).read_bytes()
    end = b"\n" if b"\n" in data else b"\r"
    return list(decode_lines(data.removesuffix(end).split(end)))
