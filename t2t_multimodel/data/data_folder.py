"""What a folder of generated data holds: its vocabulary, class names and splits."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from t2t_multimodel.data import storage
from t2t_multimodel.data.metadata import Metadata, metadata_path
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.load import AnyVocabulary, load_vocabulary
from t2t_multimodel.errors import DataError, VocabularyError


def read_metadata(data_dir: str | pathlib.Path, problem: str) -> Metadata | None:
    """A problem's metadata, or None where another project made its shards.

    Raises:
        DataError: the metadata is damaged.
    """
    return Metadata.load(data_dir, problem) if metadata_path(data_dir, problem).is_file() else None


def data_vocabulary(data_dir: str | pathlib.Path, problems: Iterable[Problem]) -> AnyVocabulary | None:
    """The vocabulary of a data folder, or None where no problem has text.

    Args:
        data_dir: the folder.
        problems: the problems whose data will be read.

    Raises:
        DataError: the folder does not exist.
        VocabularyError: there is no vocabulary, or a problem's shards were made with another one.
    """
    if not storage.at(data_dir).is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; run t2t-datagen, or t2t-trainer --generate_data")
    with_text = [problem for problem in problems if problem.uses_vocabulary]
    if not with_text:
        return None
    vocabulary = load_vocabulary(data_dir)
    for problem in with_text:
        metadata = read_metadata(data_dir, problem.name)
        if metadata is not None and metadata.vocabulary != vocabulary.fingerprint:
            raise VocabularyError(
                f"{problem.name} in {data_dir} was generated with another vocabulary ({metadata.vocabulary},"
                f" the folder's is {vocabulary.fingerprint}); generate the problems of a joint run together"
            )
    return vocabulary


def class_names(data_dir: str | pathlib.Path, problem: str) -> list[str] | None:
    """Names of a problem's classes, or None where the data have none."""
    metadata = read_metadata(data_dir, problem)
    return metadata.label_names if metadata is not None else None


def has_examples(data_dir: str | pathlib.Path, problem: Problem, split: str) -> bool:
    """Whether a split has at least one example: by the metadata, else by the shards themselves.

    Raises:
        DataError: metadata or shards are damaged, or a shard is missing.
    """
    metadata = read_metadata(data_dir, problem.name)
    if metadata is not None and split in metadata.splits:
        return metadata.splits[split].examples > 0
    if not any(storage.at(data_dir).glob(f"{problem.name}-{split}-*-of-*")):
        return False
    return len(RecordIndex.load_or_build(data_dir, problem.name, split, sides=problem.record_sides)) > 0
