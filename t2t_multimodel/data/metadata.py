"""The JSON file beside a problem's shards: what they contain and how they were made."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections import Counter
from typing import Any

import numpy as np

from t2t_multimodel.data import storage
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
        input_units: sum of the input lengths in ids, samples or images.
        target_tokens: sum of the target lengths in ids, end ids included, or classes.
        input_max, target_max: the largest lengths.
        input_histogram, target_length_histogram: number of examples by length; the key is the upper bound of the bin,
            a power of two.
        dropped: number of raw examples left out, by reason.
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
        """Counts examples, given the lengths of their inputs and of their targets, both `[examples]`."""
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
        """Adds the examples counted by `other`; `shards` and `dropped` stay as they are."""
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
    """The contents of `<problem>.json`.

    Attributes:
        problem: name of the problem.
        settings: what determines the bytes of the shards beside the corpus: seed, shards, options, vocabulary.
        vocabulary: fingerprint of the vocabulary, or None without text.
        splits: statistics by split.
        label_names: names of the classes, or None.
        target_histogram: number of times each target id (or class) occurs in the training split, end ids included.
        sources: name, size and sha256 of each source file; large files have their modification time instead.
        version: version of this layout.

    Example:
        >>> Metadata.load("data", "mini_caption").splits["dev"].shards
        1
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
        """Seed of the generation."""
        return self.settings["seed"]

    @property
    def options(self) -> dict[str, Any]:
        """The problem's options."""
        return self.settings["options"]

    def save(self, data_dir: str | os.PathLike) -> None:
        """Writes `<problem>.json` atomically."""
        fields = {**vars(self), "splits": {split: vars(stats) for split, stats in self.splits.items()}}
        histogram = json.dumps(fields.pop("target_histogram"))  # on one line, because it is long
        text = json.dumps(fields, indent=1, ensure_ascii=False).removesuffix("\n}")
        text += f',\n "target_histogram": {histogram}\n}}\n'
        storage.write_atomically(metadata_path(data_dir, self.problem), text.encode("utf-8"))

    @classmethod
    def load(cls, data_dir: str | os.PathLike, problem: str) -> Metadata:
        """Reads the metadata of a generated problem.

        Raises:
            DataError: the file is missing, damaged or of another version.
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


def metadata_path(data_dir: str | os.PathLike, problem: str) -> storage.AnyPath:
    """Path of a problem's metadata."""
    return storage.at(data_dir) / f"{problem}.json"


def source_files(folder: pathlib.Path | None) -> list[dict[str, Any]]:
    """Names, sizes and checksums of the files of a source folder, at most the first thousand."""
    if folder is None:
        return []
    listed, budget = [], _HASHED_BYTES
    for path in _walk(folder):
        stat = path.stat()
        entry: dict[str, Any] = {"name": path.relative_to(folder).as_posix(), "size": stat.st_size}
        if stat.st_size <= budget:
            budget -= stat.st_size
            entry["sha256"] = storage.sha256(path)
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
    """Number of lengths in each bin; the key is the upper bound of the bin, a power of two."""
    bounds = 1 << np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    return {str(bound): count for bound, count in Counter(bounds.tolist()).items()}
