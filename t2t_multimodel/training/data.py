"""What a run needs to know of a data folder: its vocabulary and each problem's baseline."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterable

from t2t_multimodel.data.metadata import Metadata, metadata_path
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.load import AnyVocabulary, load_vocabulary
from t2t_multimodel.errors import DataError, VocabularyError
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.baseline import Baseline


def data_vocabulary(data_dir: str | pathlib.Path, problems: Iterable[Problem]) -> AnyVocabulary | None:
    """The vocabulary of a data folder, or None where no problem has text.

    Raises:
        DataError: the folder does not exist.
        VocabularyError: there is none, or a problem's shards were made with another one.
    """
    if not pathlib.Path(data_dir).is_dir():
        raise DataError(f"--data_dir={data_dir} is no folder; run t2t-datagen, or t2t-trainer --generate_data")
    with_text = [problem for problem in problems if problem.uses_vocabulary]
    if not with_text:
        return None
    vocabulary = load_vocabulary(data_dir)
    for problem in with_text:
        metadata = _metadata(data_dir, problem.name)
        if metadata is not None and metadata.vocabulary != vocabulary.fingerprint:
            raise VocabularyError(
                f"{problem.name} in {data_dir} was generated with another vocabulary ({metadata.vocabulary},"
                f" the folder's is {vocabulary.fingerprint}); generate the problems of a joint run together"
            )
    return vocabulary


def task_baseline(task: Task, data_dir: str | pathlib.Path) -> Baseline:
    """The unigram or majority baseline from the training shards: from the metadata, else by reading them."""
    metadata = _metadata(data_dir, task.name)
    histogram = metadata.target_histogram if metadata is not None else None
    if not histogram:
        histogram = _read_histogram(task.problem, data_dir)
    targets = task.problem.targets
    vocab_size = load_vocabulary(data_dir).size if targets.uses_vocabulary else 0
    size = max([int(key) + 1 for key in histogram] + [targets.num_ids(vocab_size)])
    return Baseline.from_histogram(histogram, size)


def has_examples(data_dir: str | pathlib.Path, problem: str, split: str) -> bool:
    """Whether a generated problem has a split; True where nothing tells."""
    metadata = _metadata(data_dir, problem)
    return metadata is None or split not in metadata.splits or metadata.splits[split].examples > 0


def _read_histogram(problem: Problem, data_dir: str | pathlib.Path) -> Counter[int]:
    histogram: Counter[int] = Counter()
    index = RecordIndex.load_or_build(data_dir, problem.name, "train", sides=problem.record_sides)
    for start in range(0, len(index), 1000):
        for record in index.read(range(start, min(start + 1000, len(index)))):
            histogram.update(example_proto.parse(record)[problem.inputs.target_feature].tolist())
    return histogram


def _metadata(data_dir: str | pathlib.Path, problem: str) -> Metadata | None:
    """A problem's metadata, or None where its shards were not made by this project."""
    return Metadata.load(data_dir, problem) if metadata_path(data_dir, problem).is_file() else None
