"""Writing shards: in order, or shuffled globally with bounded memory.

Shuffling takes two passes. Each record goes to the scatter file of a shard drawn from (seed, its number); then each
scatter file is shuffled in memory and takes its final name. A scatter file too large for memory is scattered once
more. Every order of the records is equally likely, and the bytes depend on nothing but seed and records.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from t2t_multimodel.data.files import atomic_file
from t2t_multimodel.data.records import FOOTER_BYTES, HEADER_BYTES

MEMORY_BYTES = 1 << 28
_BUFFER_BYTES = 1 << 25
_LENGTH = struct.Struct("<Q")


class Scatterer:
    """Deals records out to scatter files; a single one keeps the records' order.

    Args:
        paths: the scatter files, one a shard; made anew.
        seed: of the draw.
    """

    def __init__(self, paths: Sequence[pathlib.Path], seed: int):
        self._paths, self._seed = list(paths), seed
        self._buffers: list[list[bytes]] = [[] for _ in paths]
        self._buffered = self._count = 0
        for path in self._paths:
            path.write_bytes(b"")

    def add(self, framed: Sequence[bytes]) -> None:
        """Takes the next records, framed."""
        draws = hash_numbers(self._seed, self._count, len(framed)) % np.uint64(len(self._paths))
        for record, shard in zip(framed, draws.tolist()):
            self._buffers[shard].append(record)
        self._count += len(framed)
        self._buffered += sum(map(len, framed))
        if self._buffered >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what is buffered."""
        for path, buffer in zip(self._paths, self._buffers):
            if buffer:
                with open(path, "ab") as file:
                    file.write(b"".join(buffer))
                buffer.clear()
        self._buffered = 0


@dataclasses.dataclass(frozen=True)
class ShuffleTask:
    """One shard's second pass: `scattered` becomes `shard`, shuffled by `seed`, or in its order without one."""

    scattered: pathlib.Path
    shard: pathlib.Path
    seed: tuple[int, ...] | None
    memory: int = MEMORY_BYTES

    def __call__(self) -> None:
        """Writes the shard, unless it is there already, and removes the scatter file."""
        if not self.shard.exists():
            with atomic_file(self.shard) as file:
                if self.seed is None:
                    with open(self.scattered, "rb") as scattered:
                        shutil.copyfileobj(scattered, file, 1 << 20)
                else:
                    _shuffle(self.scattered, file, self.seed, self.memory)
        self.scattered.unlink(missing_ok=True)


def run_task(task: ShuffleTask) -> None:
    """Runs a task; a function so that a pool can be given it."""
    task()


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


def _shuffle(path: pathlib.Path, out: BinaryIO, seed: tuple[int, ...], memory: int) -> None:
    size = path.stat().st_size
    if size <= memory:
        framed = _split(path.read_bytes())
        order = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))).permutation(len(framed))
        out.write(b"".join([framed[at] for at in order.tolist()]))
        return
    parts = -(-2 * size // memory)
    paths = [path.with_name(f"{path.name}.{part}") for part in range(parts)]
    scatterer = Scatterer(paths, int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))
    for record in _stream(path):
        scatterer.add([record])
    scatterer.flush()
    for part, part_path in enumerate(paths):
        _shuffle(part_path, out, (*seed, part), max(memory, part_path.stat().st_size))
        part_path.unlink()


def _split(data: bytes) -> list[bytes]:
    """The framed records in a file's bytes."""
    framed, at = [], 0
    while at < len(data):
        end = at + HEADER_BYTES + _LENGTH.unpack_from(data, at)[0] + FOOTER_BYTES
        framed.append(data[at:end])
        at = end
    return framed


def _stream(path: pathlib.Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while header := file.read(HEADER_BYTES):
            yield header + file.read(_LENGTH.unpack_from(header)[0] + FOOTER_BYTES)
