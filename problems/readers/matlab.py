"""Reads ImageNet's meta.mat: the struct array of a MATLAB 5 file, numbers and text only.

Format: "MAT-File Format", The MathWorks, level 5. Only what the devkit uses is read; nothing is executed.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from t2t_multimodel.errors import SourceError

_COMPRESSED, _MATRIX = 15, 14
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT_CODES = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_STRUCT_CLASS, _CHAR_CLASS = 2, 4
_DAMAGE = (ValueError, struct.error, zlib.error, StopIteration, LookupError, TypeError, OverflowError)
_MAX_BYTES = 1 << 28
_MAX_RECORDS = 1 << 20


def read_struct_array(data: bytes, name: str) -> list[dict[str, Any]]:
    """The struct array `name` of a MATLAB 5 file.

    Args:
        data: the file's bytes.
        name: the variable, e.g. ``"synsets"``.

    Returns:
        one dict a record: numbers as flat NumPy arrays, text as str, anything else None.

    Raises:
        SourceError: this is not a MATLAB 5 file, it is damaged, or it lacks the array.
    """
    try:
        if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
            raise ValueError("no MATLAB 5 header")
        order = "<" if data[126:128] == b"IM" else ">"
        for kind, body in _elements(data[128:], order):
            if kind == _COMPRESSED:
                body = zlib.decompressobj().decompress(body, _MAX_BYTES)
                kind, body = next(_elements(body, order))
            if kind == _MATRIX:
                found, value = _matrix(body, order)
                if found == name and isinstance(value, list):
                    return value
    except _DAMAGE as error:
        raise SourceError(f"meta.mat is damaged ({error}); get the ILSVRC2012 development kit again") from None
    raise SourceError(f"meta.mat holds no struct array {name!r}; get the ILSVRC2012 development kit again")


def _elements(data: bytes, order: str):
    offset = 0
    while offset + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, offset)
        if kind >> 16:
            kind, size, start, step = kind & 0xFFFF, kind >> 16, offset + 4, 8
        else:
            start, step = offset + 8, 8 + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("cut off")
        yield kind, data[start : start + size]
        offset += step


def _matrix(data: bytes, order: str, depth: int = 0) -> tuple[str, Any]:
    if not data or depth > 1:
        return "", None
    parts = list(_elements(data, order))
    (_, flags), (_, dims), (_, name) = parts[:3]
    kind = struct.unpack(f"{order}I", flags[:4])[0] & 0xFF
    count = int(np.prod(np.frombuffer(dims, f"{order}i4"), dtype=np.int64))
    if kind == _STRUCT_CLASS:
        value = _records(parts[3:], order, count, depth)
    elif kind == _CHAR_CLASS and parts[3:]:
        value = parts[3][1].decode(_text_codec(parts[3][0], order), "replace")
    elif parts[3:] and parts[3][0] in _TYPES:
        value = np.frombuffer(parts[3][1], f"{order}{_TYPES[parts[3][0]]}")
    else:
        value = None
    return name.decode("latin-1"), value


def _text_codec(kind: int, order: str) -> str:
    codec = _TEXT_CODES[kind]
    return codec + ("-le" if order == "<" else "-be") if codec in ("utf-16", "utf-32") else codec


def _records(parts: list[tuple[int, bytes]], order: str, count: int, depth: int) -> list[dict[str, Any]]:
    (_, width), (_, text) = parts[:2]
    (width,) = struct.unpack(f"{order}i", width[:4])
    if width < 1 or not 0 <= count <= _MAX_RECORDS:
        raise ValueError("impossible struct array")
    names = [text[i : i + width].split(b"\0")[0].decode("latin-1") for i in range(0, len(text), width)]
    values = parts[2:]
    if len(values) != count * len(names):
        raise ValueError("fields are missing")
    return [
        {name: _matrix(values[i * len(names) + j][1], order, depth + 1)[1] for j, name in enumerate(names)}
        for i in range(count)
    ]
