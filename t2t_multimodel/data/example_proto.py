"""tf.train.Example in plain Python: the few wire-format rules it needs, and fast.

``Example {Features features = 1}``, ``Features {map<string, Feature> feature = 1}``,
``Feature {BytesList 1 | FloatList 2 | Int64List 3}``, each list ``{repeated value = 1}``, numbers packed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

BYTES, FLOAT, INT64 = 1, 2, 3
KINDS = {BYTES: "bytes", FLOAT: "float", INT64: "int64"}
_MASK = (1 << 64) - 1
_HIGH_BYTES = bytes(range(0x80, 0x100))


def varint(value: int) -> bytes:
    """A non-negative or 64-bit negative integer in base 128, low group first."""
    value &= _MASK
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [varint(value) for value in range(1 << 15)]


def _size(value: int) -> bytes:
    return _SMALL[value] if value < len(_SMALL) else varint(value)


def packed_int64(values: Sequence[int]) -> bytes:
    """The body of a packed repeated int64 field."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if values and min(values) >= 0 and max(values) < len(_SMALL):
        return b"".join(map(_SMALL.__getitem__, values))
    return b"".join(map(varint, values))


def serialize(features: Mapping[str, bytes | np.ndarray | Sequence[int]]) -> bytes:
    """A serialized tf.train.Example; names are sorted, so that equal examples give equal bytes.

    Args:
        features: `bytes` become a bytes list of one, float arrays a float list, lists of ints an int64 list.
    """
    entries = []
    for name in sorted(features):
        value = features[name]
        if isinstance(value, bytes):
            tag, content = b"\x0a", value
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            tag, content = b"\x12", np.ascontiguousarray(value, "<f4").tobytes()
        else:
            tag, content = b"\x1a", packed_int64(value)
        values = b"\x0a" + _size(len(content)) + content
        feature = tag + _size(len(values)) + values
        entry = _key(name) + _size(len(feature)) + feature
        entries.append(b"\x0a" + _size(len(entry)) + entry)
    joined = b"".join(entries)
    return b"\x0a" + _size(len(joined)) + joined


@functools.lru_cache(maxsize=1024)
def _key(name: str) -> bytes:
    """The key of a map entry and the tag of its value."""
    encoded = name.encode("utf-8")
    return b"\x0a" + _size(len(encoded)) + encoded + b"\x12"


def value_counts(example: bytes) -> dict[str, int]:
    """Number of values of each feature, without decoding them.

    Raises:
        ValueError: `example` is no serialized tf.train.Example.
    """
    counts = {}
    for name, kind, body in _features(example):
        if kind == INT64:
            counts[name] = sum(
                len(packed.translate(None, _HIGH_BYTES)) if wire == 2 else 1 for wire, packed in _values(body)
            )
        elif kind == FLOAT:
            counts[name] = sum(len(packed) // 4 for _, packed in _values(body))
        else:
            counts[name] = sum(1 for _ in _values(body))
    return counts


def parse(example: bytes) -> dict[str, list[bytes] | np.ndarray]:
    """The features of a serialized tf.train.Example: lists of bytes, or int64 and float32 arrays.

    Raises:
        ValueError: `example` is no serialized tf.train.Example.
    """
    features: dict[str, list[bytes] | np.ndarray] = {}
    for name, kind, body in _features(example):
        parts = [part for _, part in _values(body)]
        if kind == BYTES:
            features[name] = parts
        elif kind == FLOAT:
            features[name] = np.frombuffer(b"".join(parts), "<f4").astype(np.float32)
        else:
            features[name] = _unpack_varints(b"".join(parts))
    return features


def _unpack_varints(data: bytes) -> np.ndarray:
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(ends[-1] + 1) - np.repeat(starts, ends - starts + 1)
    shifted = (raw[: ends[-1] + 1] & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.bitwise_or.reduceat(shifted, starts).view(np.int64)


def _features(example: bytes):
    """Yields (name, kind, body of the list) of every feature that has a value list."""
    for field, _, features in _fields(example, 0, len(example)):
        if field != 1:
            continue
        for entry_field, _, entry in _fields(features, 0, len(features)):
            if entry_field != 1:
                continue
            name, value = b"", b""
            for number, _, content in _fields(entry, 0, len(entry)):
                if number == 1:
                    name = content
                elif number == 2:
                    value = content
            for kind, _, body in _fields(value, 0, len(value)):
                if kind in KINDS:
                    yield name.decode("utf-8"), kind, body


def _values(body: bytes):
    for field, wire, content in _fields(body, 0, len(body)):
        if field == 1:
            yield wire, content


def _fields(data: bytes, at: int, end: int):
    """Yields (field number, wire type, content) of a message; raises ValueError where it is cut or malformed."""
    while at < end:
        key, at = _read_varint(data, at, end)
        wire = key & 7
        if wire == 2:
            size, at = _read_varint(data, at, end)
            stop = at + size
        elif wire == 0:
            _, stop = _read_varint(data, at, end)
        elif wire == 5:
            stop = at + 4
        elif wire == 1:
            stop = at + 8
        else:
            raise ValueError(f"wire type {wire}")
        if stop > end:
            raise ValueError("message ends inside a field")
        yield key >> 3, wire, data[at:stop]
        at = stop


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            break
    raise ValueError("message ends inside a number")
