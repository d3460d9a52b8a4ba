"""Writing shards, in order or globally shuffled, with bounded memory.

Shuffling takes two passes. The first draws a shard for each record, from the seed and the record's number, and appends
the record to the shard's scatter file. The second shuffles each scatter file in memory and writes the shard. A scatter
file that does not fit into memory is scattered again. Every order of the records is equally likely, and the bytes
depend only on the seed and the records.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from t2t_multimodel.data.records.tfrecord import FOOTER_BYTES, HEADER_BYTES
from t2t_multimodel.data.storage import atomic_file

MEMORY_BYTES = 1 << 28
_BUFFER_BYTES = 1 << 25
# An entry of a scatter file: lengths of the two sides, then the record as a TFRecord file has it.
_LENGTHS = struct.Struct("<II")
_ENTRY = struct.Struct("<IIQ")
_ENTRY_REST = HEADER_BYTES - 8 + FOOTER_BYTES


class Scatterer:
    """Distributes records over scatter files; a single file keeps the order of the records.

    Args:
        paths: the scatter files, one a shard.
        seed: seed of the drawn shards.
        count: number of records that an interrupted run already distributed.
        sizes: bytes of each scatter file at that time; the files are cut to them. None starts with empty files.

    Attributes:
        sizes: bytes written to each file, without what is buffered.
    """

    def __init__(self, paths: Sequence[pathlib.Path], seed: int, count: int = 0, sizes: Sequence[int] | None = None):
        self._paths, self._seed, self._count = list(paths), seed, count
        self._buffers: list[list[bytes]] = [[] for _ in paths]
        self._buffered = 0
        self.sizes = list(sizes or [0] * len(self._paths))
        for path, size in zip(self._paths, self.sizes):
            path.touch()
            os.truncate(path, size)

    @property
    def is_full(self) -> bool:
        """Whether enough is buffered for a write."""
        return self._buffered >= _BUFFER_BYTES

    def add(self, framed: Sequence[bytes], lengths: Sequence[tuple[int, int]]) -> None:
        """Adds framed records and the lengths of their two sides."""
        self.add_entries(make_entries(framed, lengths))

    def add_entries(self, entries: Sequence[bytes]) -> None:
        """Adds entries as another scatter file holds them."""
        draws = draw_shards(self._seed, self._count, len(entries), len(self._paths))
        for entry, shard in zip(entries, draws.tolist()):
            self._buffers[shard].append(entry)
        self._count += len(entries)
        self._buffered += sum(map(len, entries))

    def flush(self) -> None:
        """Writes what is buffered."""
        for at, (path, buffer) in enumerate(zip(self._paths, self._buffers)):
            if buffer:
                with open(path, "ab") as file:
                    self.sizes[at] += file.write(b"".join(buffer))
                buffer.clear()
        self._buffered = 0


def make_entries(framed: Sequence[bytes], lengths: Sequence[tuple[int, int]]) -> list[bytes]:
    """The entries of a scatter file: framed records, each after the lengths of its two sides."""
    return [_LENGTHS.pack(*sides) + record for sides, record in zip(lengths, framed)]


def draw_shards(seed: int, start: int, count: int, shards: int) -> np.ndarray:
    """The shard of each of `count` records from number `start` on, `[count]`."""
    return hash_numbers(seed, start, count) % np.uint64(shards)


@dataclasses.dataclass(frozen=True)
class ShuffleTask:
    """The second pass of one shard.

    Args:
        scattered: the scatter file.
        shard: the shard to write.
        seed: seed of the shuffle; None keeps the order.
        memory: largest scatter file in bytes that is shuffled in memory.
    """

    scattered: pathlib.Path
    shard: pathlib.Path
    seed: tuple[int, ...] | None
    memory: int = MEMORY_BYTES

    def __call__(self) -> np.ndarray | None:
        """Writes the shard and removes the scatter file.

        Returns:
            `[records, 4]` offset and length of the payload, and lengths of the sides, in the order of the shard; None
            if the shard existed before.
        """
        table = None
        if not self.shard.exists():
            writer = _ShardWriter()
            with atomic_file(self.shard) as writer.file:
                if self.seed is None:
                    for entries in _stream(self.scattered):
                        writer.write(entries)
                else:
                    _shuffle(self.scattered, writer, self.seed, self.memory)
            table = writer.table()
        self.scattered.unlink(missing_ok=True)
        return table


class _ShardWriter:
    """Writes the records of entries to `file` and remembers their offsets."""

    file: BinaryIO

    def __init__(self):
        self._rows: list[tuple[int, int, int, int]] = []
        self._at = 0

    def write(self, entries: Sequence[bytes]) -> None:
        for entry in entries:
            size = len(entry) - _LENGTHS.size
            payload = size - HEADER_BYTES - FOOTER_BYTES
            self._rows.append((self._at + HEADER_BYTES, payload, *_LENGTHS.unpack_from(entry)))
            self._at += size
        self.file.write(b"".join([entry[_LENGTHS.size :] for entry in entries]))

    def table(self) -> np.ndarray:
        return np.array(self._rows, np.int64).reshape(-1, 4)


def run_task(task: ShuffleTask) -> np.ndarray | None:
    """Runs a task. Pools take a function, which can be pickled."""
    return task()


def hash_numbers(seed: int, start: int, count: int) -> np.ndarray:
    """Hashes of the numbers from `start` on (SplitMix64 of seed and number), `[count]` uint64."""
    with np.errstate(over="ignore"):
        mixed = np.arange(start + 1, start + 1 + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed += _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], np.uint64))
        return _mix(mixed)


def _mix(value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def _shuffle(path: pathlib.Path, writer: _ShardWriter, seed: tuple[int, ...], memory: int) -> None:
    size = path.stat().st_size
    if size <= memory:
        entries = _split(path.read_bytes())
        order = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))).permutation(len(entries))
        writer.write([entries[at] for at in order.tolist()])
        return
    parts = -(-2 * size // memory)
    paths = [path.with_name(f"{path.name}.{part}") for part in range(parts)]
    scatterer = Scatterer(paths, int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))
    for entries in _stream(path):
        scatterer.add_entries(entries)
        if scatterer.is_full:
            scatterer.flush()
    scatterer.flush()
    for part, part_path in enumerate(paths):
        _shuffle(part_path, writer, (*seed, part), max(memory, part_path.stat().st_size))
        part_path.unlink()


def _split(data: bytes) -> list[bytes]:
    """The entries in a scatter file's bytes."""
    entries, at = [], 0
    while at < len(data):
        end = at + _ENTRY.size + _ENTRY.unpack_from(data, at)[2] + _ENTRY_REST
        entries.append(data[at:end])
        at = end
    return entries


def _stream(path: pathlib.Path) -> Iterator[list[bytes]]:
    """The entries of a scatter file in lists of bounded size."""
    entries, size = [], 0
    with open(path, "rb") as file:
        while head := file.read(_ENTRY.size):
            entries.append(head + file.read(_ENTRY.unpack(head)[2] + _ENTRY_REST))
            size += len(entries[-1])
            if size >= _BUFFER_BYTES:
                yield entries
                entries, size = [], 0
    yield entries
