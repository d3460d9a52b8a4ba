"""What can be had without a model: the unigram distribution of targets, or the majority class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Baseline:
    """Unigram probabilities of target ids from the training shards.

    Args:
        counts: occurrences of each id among the training targets, end tokens included.
        size: number of ids there are.
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

    def scores(self, targets: np.ndarray) -> tuple[float, float]:
        """Mean negative log-likelihood (nats, add-one smoothed over the ids seen) and accuracy on `targets`."""
        present = max(int(np.sum(self.counts > 0)), 1)
        probability = (self.counts + 1.0) / (self.counts.sum() + present + 1.0)
        loss = -float(np.log(probability[targets]).mean()) if len(targets) else 0.0
        accuracy = float(np.mean(targets == int(self.counts.argmax()))) if len(targets) else 0.0
        return loss, accuracy
