"""TFRecord files without TensorFlow: names of shards, writing, and reading with checks.

A record in a file is: length (8 bytes, little endian), masked CRC-32C of the length (4), payload, masked CRC-32C of
the payload (4). The payload is a serialized tf.train.Example.

Source: TensorFlow's ``tensorflow/core/lib/io/record_writer.h``.
"""

from __future__ import annotations

import functools
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence

import google_crc32c
import numpy as np

from t2t_multimodel.data import storage
from t2t_multimodel.errors import DataError

HEADER_BYTES = 12
FOOTER_BYTES = 4
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
_CHECK_BYTES = 1 << 24
_CHECK_RECORDS = 10_000


def masked_crc32c(payloads: Sequence[bytes]) -> np.ndarray:
    """CRC-32C of each payload as TFRecord files store it: rotated right by 15 bits, plus a constant.

    Args:
        payloads: the payloads.

    Returns:
        `[payloads]` uint32.

    Example:
        >>> hex(masked_crc32c([b"123456789"])[0])
        '0xc78ab0e5'
    """
    crc = np.fromiter(map(google_crc32c.value, payloads), np.uint32, len(payloads))
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK_DELTA)


def frame(payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads as records of a TFRecord file.

    Example:
        >>> storage.at("toy-dev-00000-of-00001").write_bytes(b"".join(frame([b"one", b"two"])))
        38
    """
    checks = masked_crc32c(payloads).tolist()
    return [_header(len(payload)) + payload + _FOOTER.pack(check) for payload, check in zip(payloads, checks)]


@functools.lru_cache(maxsize=1 << 16)
def _header(length: int) -> bytes:
    (check,) = masked_crc32c([length.to_bytes(8, "little")]).tolist()
    return _HEADER.pack(length, check)


def scan(path: str | os.PathLike, damaged: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    """Reads a TFRecord file from its beginning to its end.

    Args:
        path: the file.
        damaged: called with one line, naming file and offset, for every record that cannot be read. After a wrong
            length nothing more can be found in the file.

    Yields:
        (offset, payload) of every intact record; the offset is that of the payload.
    """
    for batch, problem in _batches(path):
        checks = masked_crc32c([payload for _, payload, _ in batch]).tolist()
        for (offset, payload, stored), check in zip(batch, checks):
            if stored == check:
                yield offset, payload
            else:
                damaged(f"{path}: record at byte {offset - HEADER_BYTES} has a wrong checksum")
        if problem:
            damaged(problem)


def _batches(path: str | os.PathLike) -> Iterator[tuple[list[tuple[int, bytes, int]], str | None]]:
    """Yields lists of (offset, payload, stored checksum), the last with what stopped the reading, if anything did."""
    batch: list[tuple[int, bytes, int]] = []
    pending = at = 0
    file = storage.local_copy(path)
    total = os.path.getsize(file)
    with open(file, "rb", buffering=1 << 20) as file:
        while header := file.read(HEADER_BYTES):
            if len(header) < HEADER_BYTES:
                yield batch, f"{path}: the file is cut inside the record at byte {at}"
                return
            length, _ = _HEADER.unpack(header)
            if header != _header(length):
                yield batch, f"{path}: record at byte {at} has a damaged length; the rest of the file is lost"
                return
            end = at + HEADER_BYTES + length + FOOTER_BYTES
            if end > total:
                yield batch, f"{path}: the file is cut inside the record at byte {at}"
                return
            payload = file.read(length)
            batch.append((at + HEADER_BYTES, payload, _FOOTER.unpack(file.read(FOOTER_BYTES))[0]))
            at, pending = end, pending + length
            if pending >= _CHECK_BYTES or len(batch) >= _CHECK_RECORDS:
                yield batch, None
                batch, pending = [], 0
    yield batch, None


def shard_name(problem: str, split: str, shard: int, count: int) -> str:
    """The name of one shard.

    Example:
        >>> shard_name("mini_caption", "train", 0, 10)
        'mini_caption-train-00000-of-00010'
    """
    return f"{problem}-{split}-{shard:05d}-of-{count:05d}"


def shard_paths(data_dir: str | os.PathLike, problem: str, split: str) -> list[storage.AnyPath]:
    """All shards of one split, in order.

    Args:
        data_dir: folder of the shards.
        problem: name of the problem.
        split: ``"train"``, ``"dev"`` or ``"test"``.

    Raises:
        DataError: there are none, one is missing, or sets of different sizes lie side by side.
    """
    folder = storage.at(data_dir)
    pattern = re.compile(rf"{re.escape(problem)}-{split}-(\d{{5}})-of-(\d{{5}})")
    names = sorted(path.name for path in folder.glob(f"{problem}-{split}-*-of-*")) if folder.is_dir() else []
    matches = [match for match in map(pattern.fullmatch, names) if match]
    if not matches:
        raise DataError(f"{folder} holds no {split} shards of {problem}; run t2t-datagen --problem={problem}")
    counts = sorted({int(match[2]) for match in matches})
    if len(counts) > 1:
        raise DataError(f"{folder} holds {problem}-{split} in sets of {counts} shards; remove all but one set")
    present = {int(match[1]) for match in matches}
    for shard in range(counts[0]):
        if shard not in present:
            name = shard_name(problem, split, shard, counts[0])
            raise DataError(f"shard {folder / name} is missing; run t2t-datagen --problem={problem} again")
    return [folder / shard_name(problem, split, shard, counts[0]) for shard in range(counts[0])]
