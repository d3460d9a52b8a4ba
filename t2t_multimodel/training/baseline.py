"""What can be predicted without a model: the unigram distribution of targets, or the majority class."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Mapping

import numpy as np

from t2t_multimodel.data.data_folder import read_metadata
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.load import load_vocabulary
from t2t_multimodel.runs.task import Task


@dataclasses.dataclass(frozen=True)
class Baseline:
    """Unigram probabilities of target ids from the training shards.

    Args:
        counts: occurrences of each id among the training targets, end tokens included.
        size: number of ids.
    """

    counts: np.ndarray
    size: int

    @classmethod
    def from_histogram(cls, histogram: Mapping[int | str, int], size: int) -> Baseline:
        """From a sparse histogram of ids."""
        counts = np.zeros(size, np.int64)
        for key, count in histogram.items():
            counts[int(key)] = count
        return cls(counts, size)

    def training_loss(self) -> float:
        """Its mean negative log-likelihood on the training targets themselves, in nats."""
        seen = self.counts > 0
        probability = (self.counts[seen] + 1.0) / (self.counts.sum() + max(seen.sum(), 1) + 1.0)
        return -float(np.average(np.log(probability), weights=self.counts[seen])) if seen.any() else 0.0

    def scores(self, targets: np.ndarray) -> tuple[float, float]:
        """Mean negative log-likelihood (nats, add-one smoothed over the ids seen) and accuracy on `targets`."""
        present = max(int(np.sum(self.counts > 0)), 1)
        probability = (self.counts + 1.0) / (self.counts.sum() + present + 1.0)
        loss = -float(np.log(probability[targets]).mean()) if len(targets) else 0.0
        accuracy = float(np.mean(targets == int(self.counts.argmax()))) if len(targets) else 0.0
        return loss, accuracy


def task_baseline(task: Task, data_dir: str | pathlib.Path) -> Baseline:
    """The unigram or majority baseline of a problem's training data.

    Counts come from the metadata; where there are none, all training shards are read.

    Args:
        task: the problem.
        data_dir: generated data.
    """
    metadata = read_metadata(data_dir, task.name)
    histogram = metadata.target_histogram if metadata is not None else None
    if not histogram:
        histogram = _read_histogram(task.problem, data_dir)
    targets = task.problem.targets
    vocab_size = load_vocabulary(data_dir).size if targets.uses_vocabulary else 0
    size = max([int(key) + 1 for key in histogram] + [targets.num_ids(vocab_size)])
    return Baseline.from_histogram(histogram, size)


def _read_histogram(problem: Problem, data_dir: str | pathlib.Path) -> Counter[int]:
    histogram: Counter[int] = Counter()
    index = RecordIndex.load_or_build(data_dir, problem.name, "train", sides=problem.record_sides)
    for start in range(0, len(index), 1000):
        for record in index.read(range(start, min(start + 1000, len(index)))):
            histogram.update(example_proto.parse(record)[problem.inputs.target_feature].tolist())
    return histogram
