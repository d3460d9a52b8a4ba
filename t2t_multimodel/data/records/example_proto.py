"""tf.train.Example in plain Python: the few wire-format rules it needs, and fast.

``Example {Features features = 1}``, ``Features {map<string, Feature> feature = 1}``,
``Feature {BytesList 1 | FloatList 2 | Int64List 3}``, each list ``{repeated value = 1}``, numbers packed.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

BYTES, FLOAT, INT64 = 1, 2, 3
KINDS = {BYTES: "bytes", FLOAT: "float", INT64: "int64"}
_MASK = (1 << 64) - 1
_HIGH_BYTES = bytes(range(0x80, 0x100))


def varint(value: int) -> bytes:
    """An integer as Protocol Buffers write it: in base 128, lowest group first; negative ones as 64 bits.

    Example:
        >>> varint(300)
        b'\\xac\\x02'
    """
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
    return packed_int64_lists([values])[0]


def packed_int64_lists(lists: Sequence[Sequence[int]]) -> list[bytes]:
    """The bodies of several packed repeated int64 fields; faster than one by one."""
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    values = np.fromiter(itertools.chain.from_iterable(lists), np.int64, int(lengths.sum()))
    ends = np.cumsum(lengths)
    if len(values) and (values.min() < 0 or values.max() >= 1 << 21):
        bodies = list(map(varint, values.tolist()))
        return [b"".join(bodies[end - length : end]) for end, length in zip(ends.tolist(), lengths.tolist())]
    sizes = 1 + (values >= 1 << 7) + (values >= 1 << 14)
    # Three bytes each, of which the first `sizes` are kept.
    groups = np.empty((len(values), 3), np.uint8)
    groups[:, 0] = (values & 0x7F) | np.where(sizes > 1, 0x80, 0)
    groups[:, 1] = (values >> 7 & 0x7F) | np.where(sizes > 2, 0x80, 0)
    groups[:, 2] = values >> 14
    joined = groups[np.arange(3) < sizes[:, np.newaxis]].tobytes()
    stops = np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], ends])].tolist()
    return [joined[start:stop] for start, stop in itertools.pairwise(stops)]


def serialize(features: Mapping[str, bytes | np.ndarray | Sequence[int]]) -> bytes:
    """A serialized tf.train.Example. Names are sorted, so that equal examples give equal bytes.

    Args:
        features: `bytes` become a bytes list with one value, float arrays a float list, lists of ints an int64 list.

    Example:
        >>> parse(serialize({"targets": [5, 1]}))["targets"]
        array([5, 1])
    """
    return serialize_all([features])[0]


def serialize_all(rows: Sequence[Mapping[str, bytes | np.ndarray | Sequence[int]]]) -> list[bytes]:
    """`serialize` of many examples; faster than one by one."""
    entries: list[list[bytes]] = [[] for _ in rows]
    for name in sorted(set().union(*rows)):
        having = [(row[name], parts) for row, parts in zip(rows, entries) if name in row]
        for (tag, content), (_, parts) in zip(_contents([value for value, _ in having]), having):
            parts += (_entry_head(name, tag, len(content)), content)
    return [_message(b"".join(parts)) for parts in entries]


def _contents(values: list) -> list[tuple[int, bytes]]:
    """Kind and body of each value's list."""
    found: list[tuple[int, bytes]] = [(INT64, b"")] * len(values)
    integers = []
    for at, value in enumerate(values):
        if isinstance(value, bytes):
            found[at] = (BYTES, value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            found[at] = (FLOAT, np.ascontiguousarray(value, "<f4").tobytes())
        else:
            integers.append(at)
    for at, body in zip(integers, packed_int64_lists([values[at] for at in integers])):
        found[at] = (INT64, body)
    return found


def _message(content: bytes) -> bytes:
    return b"\x0a" + _size(len(content)) + content


@functools.lru_cache(maxsize=1 << 14)
def _entry_head(name: str, kind: int, size: int) -> bytes:
    """The bytes of a map entry before the `size` bytes of its value's body."""
    values = b"\x0a" + _size(size)
    feature = bytes([kind << 3 | 2]) + _size(len(values) + size) + values
    key = name.encode("utf-8")
    entry = b"\x0a" + _size(len(key)) + key + b"\x12" + _size(len(feature) + size) + feature
    return b"\x0a" + _size(len(entry) + size) + entry


def value_counts(example: bytes) -> dict[str, int]:
    """Number of values of each feature, without decoding them.

    A bytes value counts 1, whatever its size.

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
    group = np.arange(ends[-1] + 1) - np.repeat(starts, ends - starts + 1)
    shifted = (raw[: ends[-1] + 1] & 0x7F).astype(np.uint64) << (7 * group).astype(np.uint64)
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
    """Yields (field number, wire type, content) of a message; raises ValueError if it is cut or malformed."""
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
