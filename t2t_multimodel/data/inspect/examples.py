"""Examples of generated data in a form for people: text, drawn trees, pictures and spectrograms as PNG."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.metadata import Metadata, metadata_path
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.load import load_vocabulary
from t2t_multimodel.errors import DataError, VocabularyError


@dataclasses.dataclass(frozen=True)
class Example:
    """One example of a split.

    Attributes:
        row: its number in the split, from 0.
        inputs, targets: the two sides.
        meta: the record's further values under ``meta/``, by the rest of their names.
    """

    row: int
    inputs: Side
    targets: Side
    meta: dict[str, str]


class ExampleReader:
    """Reads examples of one split and turns them into what people read.

    Args:
        problem: the problem.
        data_dir: folder of the generated data.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        modalities: hparams group, for the spectrogram's window, hop and bands.
        strict: a damaged record is an error instead of being skipped and counted.

    Raises:
        DataError: there are no shards, or they are damaged.
        VocabularyError: the data were made with another vocabulary than the folder's.
    """

    def __init__(
        self, problem: Problem, data_dir: str | os.PathLike, split: str, modalities: Any, *, strict: bool = False
    ):
        self.problem, self.split = problem, split
        self.index = RecordIndex.load_or_build(data_dir, problem.name, split, strict=strict, sides=problem.record_sides)
        found = metadata_path(data_dir, problem.name).is_file()
        self.metadata = Metadata.load(data_dir, problem.name) if found else None
        self.vocabulary = load_vocabulary(data_dir) if problem.uses_vocabulary else None
        label_names = self.metadata.label_names if self.metadata else None
        self._context = SideContext(self.vocabulary, label_names, modalities)
        made_with = self.metadata and self.metadata.vocabulary
        if self.vocabulary and made_with and self.vocabulary.fingerprint != made_with:
            raise VocabularyError(
                f"{problem.name} in {data_dir} was made with another vocabulary than the one there; generate it again"
            )

    def read(self, rows: Sequence[int]) -> list[Example]:
        """The examples of the given rows of the split."""
        return [self._example(row, decode_features(record)) for row, record in zip(rows, self.index.read(rows))]

    def _example(self, row: int, features: dict[str, Any]) -> Example:
        problem = self.problem
        try:
            stored_inputs = features[problem.inputs.record_feature().name]
            stored_targets = features[problem.inputs.target_feature]
        except KeyError as error:
            raise DataError(
                f"row {row} of {problem.name}-{self.split} has no feature {error}; generate again"
            ) from None
        inputs = problem.inputs.show(stored_inputs, self._context)
        targets = problem.targets.show(stored_targets, dataclasses.replace(self._context, sentence=inputs.text))
        meta = {name[5:]: _plain(value) for name, value in features.items() if name.startswith("meta/")}
        return Example(row, inputs, targets, meta)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(item.decode("utf-8", "replace") for item in value)
    return " ".join(str(item) for item in value.tolist())
