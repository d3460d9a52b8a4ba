"""The JSON beside a problem's shards: what is in them and how they were made."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections import Counter
from typing import Any

import numpy as np

from t2t_multimodel.data.storage import sha256, write_atomically
from t2t_multimodel.errors import DataError

VERSION = 1
_HASHED_BYTES = 1 << 26
_LISTED_FILES = 1000


@dataclasses.dataclass
class SplitStats:
    """Counts of one split.

    Attributes:
        examples: records written.
        shards: number of shards.
        input_units: ids, samples or pictures, summed.
        target_tokens: target ids, end ids included, or classes, summed.
        input_max, target_max: the longest.
        input_histogram, target_length_histogram: examples by length; the key is the upper bound of the bin,
            a power of two.
        dropped: reason to number of raw examples left out.
    """

    examples: int = 0
    shards: int = 0
    input_units: int = 0
    target_tokens: int = 0
    input_max: int = 0
    target_max: int = 0
    input_histogram: dict[str, int] = dataclasses.field(default_factory=dict)
    target_length_histogram: dict[str, int] = dataclasses.field(default_factory=dict)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Counts examples by the lengths of their sides, both `[examples]`."""
        if not len(inputs):
            return
        self.examples += len(inputs)
        self.input_units += int(inputs.sum())
        self.target_tokens += int(targets.sum())
        self.input_max = max(self.input_max, int(inputs.max()))
        self.target_max = max(self.target_max, int(targets.max()))
        self._add_histogram("input_histogram", _histogram(inputs))
        self._add_histogram("target_length_histogram", _histogram(targets))

    def merge(self, other: SplitStats) -> None:
        """Adds the examples that `other` counted; shards and drops are left as they are."""
        for name in ("examples", "input_units", "target_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("input_max", "target_max"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        for name in ("input_histogram", "target_length_histogram"):
            self._add_histogram(name, getattr(other, name))

    def _add_histogram(self, name: str, counts: dict[str, int]) -> None:
        merged = Counter(getattr(self, name)) + Counter(counts)
        setattr(self, name, dict(sorted(merged.items(), key=lambda item: int(item[0]))))


@dataclasses.dataclass
class Metadata:
    """What `<problem>.json` holds.

    Attributes:
        problem: its name.
        version: of this layout.
        settings: all that determines the bytes of the shards beside the corpus: seed, shards, options, vocabulary.
        vocabulary: fingerprint, or None without text.
        splits: statistics by split.
        label_names: names of the classes, or None.
        target_histogram: target id (or class) to its count in the training split, end ids included.
        sources: name, size and sha256 (of small files; of large ones the time) of the files read from.
    """

    problem: str
    settings: dict[str, Any]
    vocabulary: str | None
    splits: dict[str, SplitStats]
    label_names: list[str] | None = None
    target_histogram: dict[int, int] = dataclasses.field(default_factory=dict)
    sources: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    version: int = VERSION

    @property
    def seed(self) -> int:
        """Seed the data were generated with."""
        return self.settings["seed"]

    @property
    def options(self) -> dict[str, Any]:
        """The problem's options."""
        return self.settings["options"]

    def save(self, data_dir: str | os.PathLike) -> None:
        """Writes `<problem>.json` atomically."""
        fields = {**vars(self), "splits": {split: vars(stats) for split, stats in self.splits.items()}}
        histogram = json.dumps(fields.pop("target_histogram"))  # on one line, being long
        text = json.dumps(fields, indent=1, ensure_ascii=False).removesuffix("\n}")
        text += f',\n "target_histogram": {histogram}\n}}\n'
        write_atomically(metadata_path(data_dir, self.problem), text.encode("utf-8"))

    @classmethod
    def load(cls, data_dir: str | os.PathLike, problem: str) -> Metadata:
        """The metadata of a generated problem.

        Raises:
            DataError: it is missing, damaged or of another version.
        """
        path = metadata_path(data_dir, problem)
        if not path.is_file():
            raise DataError(f"{path} is missing; run t2t-datagen --problem={problem} --data_dir={data_dir}")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] != VERSION:
                raise DataError(f"{path} is of version {stored['version']}, not {VERSION}; generate the data again")
            stored["splits"] = {split: SplitStats(**stats) for split, stats in stored["splits"].items()}
            stored["target_histogram"] = {int(key): count for key, count in stored["target_histogram"].items()}
            return cls(**stored)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is damaged ({error!r}); generate the data again") from error


def metadata_path(data_dir: str | os.PathLike, problem: str) -> pathlib.Path:
    """Where a problem's metadata lie."""
    return pathlib.Path(data_dir) / f"{problem}.json"


def source_files(folder: pathlib.Path | None) -> list[dict[str, Any]]:
    """Names, sizes and checksums of what a source folder holds, at most the first thousand files."""
    if folder is None:
        return []
    listed, budget = [], _HASHED_BYTES
    for path in _walk(folder):
        stat = path.stat()
        entry: dict[str, Any] = {"name": path.relative_to(folder).as_posix(), "size": stat.st_size}
        if stat.st_size <= budget:
            budget -= stat.st_size
            entry["sha256"] = sha256(path)
        else:
            entry["modified"] = int(stat.st_mtime)
        listed.append(entry)
        if len(listed) == _LISTED_FILES:
            break
    return listed


def source_size(folder: pathlib.Path | None) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in _walk(folder)) if folder is not None else 0


def _walk(folder: pathlib.Path):
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = pathlib.Path(root, name)
            if path.is_file():
                yield path


def _histogram(lengths: np.ndarray) -> dict[str, int]:
    """Upper bound of the bin, a power of two, to the number of lengths in it."""
    bounds = 1 << np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    return {str(bound): count for bound, count in Counter(bounds.tolist()).items()}
