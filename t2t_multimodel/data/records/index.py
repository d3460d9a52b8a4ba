"""TFRecord shards without TensorFlow: names, framing, and random access by an index.

A record in a file is: length (8 bytes, little endian), masked CRC-32C of the length (4), payload, masked CRC-32C of
the payload (4). The payload is a serialized tf.train.Example.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re
import struct
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.crc32c import masked_crc32c, masked_crc32c_of_length
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.errors import DataError

HEADER_BYTES = 12
FOOTER_BYTES = 4
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_INDEX_VERSION = 1
_CHECK_BYTES = 1 << 24
_INPUTS = ("inputs", "waveforms")
_TARGETS = ("targets", "image/class/label")


def frame(payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads as records of a TFRecord file."""
    checks = masked_crc32c(payloads).tolist()
    return [
        _HEADER.pack(len(payload), masked_crc32c_of_length(len(payload))) + payload + _FOOTER.pack(check)
        for payload, check in zip(payloads, checks)
    ]


def shard_name(problem: str, split: str, shard: int, count: int) -> str:
    """``problem-train-00000-of-00010``."""
    return f"{problem}-{split}-{shard:05d}-of-{count:05d}"


def shard_paths(data_dir: str | os.PathLike, problem: str, split: str) -> list[pathlib.Path]:
    """All shards of one split, in order.

    Raises:
        DataError: there are none, one is missing, or sets of different sizes lie side by side.
    """
    folder = pathlib.Path(data_dir)
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


def print_warning(line: str) -> None:
    """Writes one line to stderr."""
    print(f"warning: {line}", file=sys.stderr, flush=True)


class RecordIndex:
    """Where every record of a split lies and how long its two sides are.

    Attributes:
        paths: the shards.
        file: `[records]` int32, index into `paths`.
        offset: `[records]` int64, first byte of the payload.
        length: `[records]` int32, bytes of the payload.
        input_length: `[records]` int32: ids, samples, or 1 for a picture.
        target_length: `[records]` int32: ids, the end id included; 1 for a class.
        skipped: number of damaged places left out; after a damaged length the rest of its file is one of them.
    """

    _ARRAYS = {
        "file": np.int32,
        "offset": np.int64,
        "length": np.int32,
        "input_length": np.int32,
        "target_length": np.int32,
    }

    def __init__(self, paths: Sequence[pathlib.Path], arrays: dict[str, np.ndarray], skipped: int = 0):
        self.paths = list(paths)
        self.file: np.ndarray = arrays["file"]
        self.offset: np.ndarray = arrays["offset"]
        self.length: np.ndarray = arrays["length"]
        self.input_length: np.ndarray = arrays["input_length"]
        self.target_length: np.ndarray = arrays["target_length"]
        self.skipped = skipped
        self._handles: dict[int, io.FileIO] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.file)

    def __getstate__(self):
        return {**self.__dict__, "_handles": {}, "_lock": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @classmethod
    def load_or_build(
        cls,
        data_dir: str | os.PathLike,
        problem: str,
        split: str,
        strict: bool = False,
        warn: Callable[[str], None] = print_warning,
        mapper: Callable[..., Iterable] = map,
    ) -> RecordIndex:
        """The index of one split, from `<problem>-<split>.index.npz` or else from the shards themselves.

        The file is used only if sizes and times of the shards are those it was made from. Where `data_dir` cannot
        be written the index stays in memory.

        Args:
            data_dir: folder of the shards.
            problem: name of the problem.
            split: ``"train"``, ``"dev"`` or ``"test"``.
            strict: a damaged record is an error instead of being skipped and counted.
            warn: called with one line for each damaged place.
            mapper: takes the place of `map` over the shards, e.g. to read them in several processes.

        Raises:
            DataError: shards are missing, or `strict` and damaged.
        """
        paths = shard_paths(data_dir, problem, split)
        file = _index_path(data_dir, problem, split)
        stamps = _stamps(paths)
        index = cls._load(file, paths, stamps)
        if index is None or (strict and index.skipped):
            index = cls.build(paths, strict, warn, mapper)
            index._save(file, stamps)
        elif index.skipped:
            warn(f"{problem}-{split}: {index.skipped} damaged records are skipped; generate the data again")
        return index

    @classmethod
    def build(
        cls,
        paths: Sequence[pathlib.Path],
        strict: bool = False,
        warn: Callable[[str], None] = print_warning,
        mapper: Callable[..., Iterable] = map,
    ) -> RecordIndex:
        """Reads and checks all records of `paths`; arguments as for `load_or_build`."""
        skipped, tables = 0, []
        for table, damage in mapper(_index_file, paths):
            for line in damage:
                if strict:
                    raise DataError(f"{line}; generate the data again, or run without --strict to skip it")
                warn(f"{line}; skipped")
            skipped += len(damage)
            tables.append(table)
        return cls.of_tables(paths, tables, skipped)

    @classmethod
    def of_tables(cls, paths: Sequence[pathlib.Path], tables: Sequence[np.ndarray], skipped: int = 0) -> RecordIndex:
        """The index of shards whose records are known.

        Args:
            paths: the shards.
            tables: for each shard `[records, 4]` offset and length of the payload, lengths of the two sides.
            skipped: number of damaged places.
        """
        numbered = [np.insert(table, 0, number, axis=1) for number, table in enumerate(tables)]
        joined = np.concatenate(numbered) if numbered else np.zeros((0, 5), np.int64)
        arrays = {name: joined[:, at].astype(dtype) for at, (name, dtype) in enumerate(cls._ARRAYS.items())}
        return cls(paths, arrays, skipped)

    def save(self, data_dir: str | os.PathLike, problem: str, split: str) -> None:
        """Writes `<problem>-<split>.index.npz`, bound to sizes and times of the shards."""
        self._save(_index_path(data_dir, problem, split), _stamps(self.paths))

    def read(self, rows: np.ndarray | Sequence[int]) -> list[bytes]:
        """The payloads of the records `rows`, in that order; thread-safe.

        Raises:
            DataError: a shard has become shorter than the index says.
        """
        rows = np.asarray(rows, np.int64)
        payloads = []
        for file, offset, length in zip(
            self.file[rows].tolist(), self.offset[rows].tolist(), self.length[rows].tolist()
        ):
            handle = self._handles.get(file) or self._open(file)
            payload = os.pread(handle.fileno(), length, offset)
            if len(payload) != length:
                raise DataError(f"{self.paths[file]}: record at byte {offset} is cut; generate the data again")
            payloads.append(payload)
        return payloads

    def close(self) -> None:
        """Closes the shards; `read` opens them again."""
        with self._lock:
            for handle in self._handles.values():
                handle.close()
            self._handles = {}

    def _open(self, file: int) -> io.FileIO:
        with self._lock:
            if file not in self._handles:
                try:
                    self._handles[file] = open(self.paths[file], "rb", buffering=0)  # noqa: SIM115
                except OSError as error:
                    raise DataError(f"{self.paths[file]} cannot be read: {error.strerror}") from error
            return self._handles[file]

    def _save(self, file: pathlib.Path, stamps: np.ndarray) -> None:
        arrays = {f"records_{name}": getattr(self, name) for name in self._ARRAYS}
        buffer = io.BytesIO()
        np.savez(buffer, version=_INDEX_VERSION, stamps=stamps, skipped=self.skipped, **arrays)
        with contextlib.suppress(OSError):  # a read-only data folder: the index stays in memory
            write_atomically(file, buffer.getvalue())

    @classmethod
    def _load(cls, file: pathlib.Path, paths: list[pathlib.Path], stamps: np.ndarray) -> RecordIndex | None:
        try:
            with np.load(file, allow_pickle=False) as stored:
                if int(stored["version"]) != _INDEX_VERSION or not np.array_equal(stored["stamps"], stamps):
                    return None
                arrays = {name: stored[f"records_{name}"].astype(dtype) for name, dtype in cls._ARRAYS.items()}
                return cls(paths, arrays, int(stored["skipped"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


def _index_file(path: pathlib.Path) -> tuple[np.ndarray, list[str]]:
    """`[records, 4]` offset, length and lengths of the sides; and a line for each damaged place."""
    rows: list[tuple[int, int, int, int]] = []
    damage: list[str] = []
    for offset, payload in scan(path, damage.append):
        try:
            counts = example_proto.value_counts(payload)
        except (ValueError, UnicodeDecodeError) as error:
            damage.append(f"{path}: record at byte {offset - HEADER_BYTES} is no tf.train.Example ({error})")
            continue
        rows.append((offset, len(payload), _first(counts, _INPUTS), _first(counts, _TARGETS)))
    return np.array(rows, np.int64).reshape(-1, 4), damage


def scan(path: str | os.PathLike, damaged: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    """Reads a TFRecord file from its beginning to its end.

    Args:
        path: the file.
        damaged: called with one line, naming file and offset, for every place that cannot be read. After a wrong
            length nothing more can be found in the file.

    Yields:
        (offset, payload) of every sound record; the offset is that of the payload.
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
    """Yields lists of (offset, payload, stored checksum) and, at last, what stopped the reading."""
    batch: list[tuple[int, bytes, int]] = []
    pending = at = 0
    total = os.path.getsize(path)
    with open(path, "rb", buffering=1 << 20) as file:
        while header := file.read(HEADER_BYTES):
            if len(header) < HEADER_BYTES:
                yield batch, f"{path}: the file is cut inside the record at byte {at}"
                return
            length, check = _HEADER.unpack(header)
            if check != masked_crc32c_of_length(length):
                yield batch, f"{path}: record at byte {at} has a damaged length; the rest of the file is lost"
                return
            end = at + HEADER_BYTES + length + FOOTER_BYTES
            if end > total:
                yield batch, f"{path}: the file is cut inside the record at byte {at}"
                return
            payload = file.read(length)
            batch.append((at + HEADER_BYTES, payload, _FOOTER.unpack(file.read(FOOTER_BYTES))[0]))
            at, pending = end, pending + length
            if pending >= _CHECK_BYTES or len(batch) >= 10_000:
                yield batch, None
                batch, pending = [], 0
    yield batch, None


def _index_path(data_dir: str | os.PathLike, problem: str, split: str) -> pathlib.Path:
    return pathlib.Path(data_dir) / f"{problem}-{split}.index.npz"


def _first(counts: dict[str, int], names: tuple[str, ...]) -> int:
    return next((counts[name] for name in names if name in counts), 1)


def _stamps(paths: Sequence[pathlib.Path]) -> np.ndarray:
    return np.array([(stat.st_size, stat.st_mtime_ns) for stat in (path.stat() for path in paths)], np.int64)
