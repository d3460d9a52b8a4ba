"""The index of a split's shards: random access to records, and the lengths of their sides."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.tfrecord import HEADER_BYTES, scan, shard_paths
from t2t_multimodel.errors import DataError, StorageError

# Feature name and width (values in one unit of length) of the input and of the target.
Sides = tuple[tuple[str, int], tuple[str, int]]

_INDEX_VERSION = 1
_INPUTS = ("inputs", "waveforms")
_TARGETS = ("targets", "image/class/label")


class RecordIndex:
    """Position of each record of a split in its shard, and the lengths of its two sides.

    Attributes:
        paths: the shards.
        file: `[records]` int32, index into `paths`.
        offset: `[records]` int64, first byte of the payload.
        length: `[records]` int32, bytes of the payload.
        input_length: `[records]` int32: ids, samples, or 1 for an image.
        target_length: `[records]` int32: ids, the end id included; 1 for a class.
        skipped: number of damaged records left out; the rest of a file after a damaged length counts as one.
    """

    _ARRAYS = {
        "file": np.int32,
        "offset": np.int64,
        "length": np.int32,
        "input_length": np.int32,
        "target_length": np.int32,
    }

    def __init__(self, paths: Sequence[storage.AnyPath], arrays: dict[str, np.ndarray], skipped: int = 0):
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
        sides: Sides | None = None,
    ) -> RecordIndex:
        """The index of one split, from `<problem>-<split>.index.npz` or else from the shards themselves.

        The file is used only if the shards still have the sizes and times it was made from. Where `data_dir` cannot
        be written, the index stays in memory.

        Args:
            data_dir: folder of the shards.
            problem: name of the problem.
            split: ``"train"``, ``"dev"`` or ``"test"``.
            strict: a damaged record is an error instead of being skipped and counted.
            warn: called with one line for each damaged record.
            mapper: used instead of `map` over the shards, for example to read them in several processes.
            sides: feature name and width of the input, then of the target. The length of a side is the number of
                the feature's values divided by the width, rounded down; an encoded image is one value. None takes
                the names of Tensor2Tensor (`inputs` or `waveforms`; `targets` or `image/class/label`) with width 1.
                A side whose feature is missing has length 1.

        Raises:
            DataError: shards are missing, or `strict` and damaged.

        Example:
            >>> index = RecordIndex.load_or_build("data", "mini_caption", "dev")
            >>> (payload,) = index.read([0])
            >>> example_proto.parse(payload)["image/format"]
            [b'jpeg']
            >>> sides = (("image/encoded", 1), ("image/class/label", 1))
            >>> index = RecordIndex.load_or_build("data", "mini_caption", "dev", sides=sides)
        """
        paths = shard_paths(data_dir, problem, split)
        file = _index_path(data_dir, problem, split)
        stamps = _stamps(paths)
        index = cls._load(file, paths, stamps)
        if index is None or (strict and index.skipped):
            index = cls.build(paths, strict, warn, mapper, sides)
            index._save(file, stamps)
        elif index.skipped:
            warn(f"{problem}-{split}: {index.skipped} damaged records are skipped; generate the data again")
        return index

    @classmethod
    def build(
        cls,
        paths: Sequence[storage.AnyPath],
        strict: bool = False,
        warn: Callable[[str], None] = print_warning,
        mapper: Callable[..., Iterable] = map,
        sides: Sides | None = None,
    ) -> RecordIndex:
        """Reads and checks all records of `paths`; the other arguments are those of `load_or_build`."""
        skipped, tables = 0, []
        for table, damage in mapper(functools.partial(_index_file, sides=sides), paths):
            for line in damage:
                if strict:
                    raise DataError(f"{line}; generate the data again, or run without --strict to skip it")
                warn(f"{line}; skipped")
            skipped += len(damage)
            tables.append(table)
        return cls.of_tables(paths, tables, skipped)

    @classmethod
    def of_tables(cls, paths: Sequence[storage.AnyPath], tables: Sequence[np.ndarray], skipped: int = 0) -> RecordIndex:
        """The index of shards whose records are known.

        Args:
            paths: the shards.
            tables: for each shard `[records, 4]` offset and length of the payload, lengths of the two sides.
            skipped: number of damaged records.
        """
        numbered = [np.insert(table, 0, number, axis=1) for number, table in enumerate(tables)]
        joined = np.concatenate(numbered) if numbered else np.zeros((0, 5), np.int64)
        arrays = {name: joined[:, at].astype(dtype) for at, (name, dtype) in enumerate(cls._ARRAYS.items())}
        return cls(paths, arrays, skipped)

    def save(self, data_dir: str | os.PathLike, problem: str, split: str) -> None:
        """Writes `<problem>-<split>.index.npz`, bound to sizes and times of the shards."""
        self._save(_index_path(data_dir, problem, split), _stamps(self.paths))

    def only(self, rows: np.ndarray) -> RecordIndex:
        """The index of the records `rows` alone, in that order."""
        return type(self)(self.paths, {name: getattr(self, name)[rows] for name in self._ARRAYS}, self.skipped)

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
                    self._handles[file] = open(storage.local_copy(self.paths[file]), "rb", buffering=0)  # noqa: SIM115
                except OSError as error:
                    raise DataError(
                        f"{self.paths[file]} cannot be read ({error.strerror}); check the file and its permissions"
                    ) from error
            return self._handles[file]

    def _save(self, file: storage.AnyPath, stamps: np.ndarray) -> None:
        arrays = {f"records_{name}": getattr(self, name) for name in self._ARRAYS}
        buffer = io.BytesIO()
        np.savez(buffer, version=_INDEX_VERSION, stamps=stamps, skipped=self.skipped, **arrays)
        with contextlib.suppress(OSError, StorageError):  # a read-only data folder: the index stays in memory
            storage.write_atomically(file, buffer.getvalue())

    @classmethod
    def _load(cls, file: storage.AnyPath, paths: list[storage.AnyPath], stamps: np.ndarray) -> RecordIndex | None:
        try:
            with storage.open_to_read(file) as opened, np.load(opened, allow_pickle=False) as stored:
                if int(stored["version"]) != _INDEX_VERSION or not np.array_equal(stored["stamps"], stamps):
                    return None
                arrays = {name: stored[f"records_{name}"].astype(dtype) for name, dtype in cls._ARRAYS.items()}
                return cls(paths, arrays, int(stored["skipped"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


def _index_file(path: storage.AnyPath, sides: Sides | None) -> tuple[np.ndarray, list[str]]:
    """`[records, 4]` offset, length and lengths of the sides; and a line for each damaged record."""
    rows: list[tuple[int, int, int, int]] = []
    damage: list[str] = []
    for offset, payload in scan(path, damage.append):
        try:
            counts = example_proto.value_counts(payload)
        except (ValueError, UnicodeDecodeError) as error:
            damage.append(f"{path}: record at byte {offset - HEADER_BYTES} is no tf.train.Example ({error})")
            continue
        rows.append((offset, len(payload), *_side_lengths(counts, sides)))
    return np.array(rows, np.int64).reshape(-1, 4), damage


def _side_lengths(counts: dict[str, int], sides: Sides | None) -> list[int]:
    """Lengths of the input and of the target; 1 where a side's feature is missing."""
    if sides is None:
        return [next((counts[name] for name in names if name in counts), 1) for names in (_INPUTS, _TARGETS)]
    return [counts[name] // width if name in counts else 1 for name, width in sides]


def _index_path(data_dir: str | os.PathLike, problem: str, split: str) -> storage.AnyPath:
    return storage.at(data_dir) / f"{problem}-{split}.index.npz"


def _stamps(paths: Sequence[storage.AnyPath]) -> np.ndarray:
    return np.array([(stat.st_size, stat.st_mtime_ns) for stat in (path.stat() for path in paths)], np.int64)
