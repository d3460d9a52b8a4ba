"""What a metric sums over examples: scores of a corpus, of single examples, and bootstrap confidence intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

RESAMPLES = 1000
# Percentiles that 95% of values lie between.
_BOUNDS = (2.5, 97.5)
# Draws made at once, so that memory does not grow with the number of examples.
_DRAWS = 2_000_000

Values = dict[str, float | int]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """The numbers of each example that a corpus score is made of.

    Args:
        sums: `[examples, numbers]`, float64; a corpus has their sums over its examples.
        combine: makes scores of such sums `[numbers]`; shares and rates are float, counts are int.
        facts: what the scores were computed with; stands beside them.

    Example:
        ```python
        import numpy as np

        from t2t_multimodel.metrics.corpus_statistics import Statistics

        errors_and_words = np.array([[1.0, 4.0], [0.0, 6.0]])
        statistics = Statistics(errors_and_words, lambda sums: {"rate": sums[0] / sums[1]})
        statistics.scores()  # {"rate": 0.1}
        statistics.example_scores("rate")  # [0.25, 0.0]
        low, high = statistics.interval("rate", resamples=1000, seed=1)
        ```
    """

    sums: np.ndarray
    combine: Callable[[np.ndarray], Values]
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def scores(self) -> dict[str, float | int | str]:
        """The scores of the corpus, and the facts."""
        return {**self.combine(self.sums.sum(axis=0)), **self.facts}

    def example_scores(self, key: str) -> list[float]:
        """One of the scores for each example alone."""
        return [float(self.combine(row)[key]) for row in self.sums]

    def interval(self, key: str, *, resamples: int = RESAMPLES, seed: int = 0) -> list[float]:
        """The 95% interval of one of the scores, from `resampled_sums`."""
        return percentiles([self.combine(sums)[key] for sums in resampled_sums(self.sums, resamples, seed)])


def mean_statistics(name: str, scores: Sequence[float]) -> Statistics:
    """Of a metric that is the mean of the scores of single examples.

    Args:
        name: key of the score.
        scores: of each example.

    Example:
        ```python
        from t2t_multimodel.metrics.corpus_statistics import mean_statistics

        mean_statistics("rate", [0.0, 1.0]).scores()  # {"rate": 0.5}
        ```
    """
    sums = np.stack([np.asarray(scores, np.float64), np.ones(len(scores))], axis=1)
    return Statistics(sums, lambda totals: {name: float(totals[0] / totals[1])})


def resampled_sums(sums: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Sums over corpora that are drawn from the examples, with replacement, as large as the corpus.

    One seed draws the same examples for all metrics, so that their intervals belong together.

    Args:
        sums: of each example, `[examples, numbers]`.
        resamples: corpora drawn.
        seed: of the draws.

    Returns:
        `[resamples, numbers]`, float64.

    Example:
        ```python
        import numpy as np

        from t2t_multimodel.metrics.corpus_statistics import resampled_sums

        resampled_sums(np.ones([5, 2]), resamples=3).tolist()  # [[5.0, 5.0]] * 3
        ```

    Reference: Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """
    random, examples = np.random.default_rng(seed), len(sums)
    at_once = max(1, _DRAWS // examples)
    parts = []
    for start in range(0, resamples, at_once):
        corpora = min(at_once, resamples - start)
        drawn = random.integers(examples, size=(corpora, examples)) + examples * np.arange(corpora)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=corpora * examples).reshape(corpora, examples)
        parts.append(counts.astype(np.float64) @ sums)
    return np.concatenate(parts) if parts else np.zeros([0, sums.shape[1]])


def share_interval(share: float, examples: int, *, resamples: int = RESAMPLES, seed: int = 0) -> list[float]:
    """The 95% bootstrap interval of the share of examples for which something holds, such as top-1 accuracy.

    Examples drawn with replacement from those of which a share holds are a binomial draw: the examples themselves
    are not needed.

    Args:
        share: from 0 to 1.
        examples: their number.
        resamples: corpora drawn.
        seed: of the draws.

    Example:
        ```python
        from t2t_multimodel.metrics.corpus_statistics import share_interval

        share_interval(1.0, examples=50)  # [1.0, 1.0]
        ```
    """
    if not examples:
        return [share, share]
    chance = min(1.0, max(0.0, round(share * examples) / examples))
    return percentiles(np.random.default_rng(seed).binomial(examples, chance, size=resamples) / examples)


def percentiles(values) -> list[float]:
    """The bounds that 95% of values lie between, by percentiles.

    Example:
        ```python
        from t2t_multimodel.metrics.corpus_statistics import percentiles

        percentiles(range(201))  # [5.0, 195.0]
        ```
    """
    return [float(bound) for bound in np.percentile(np.asarray(values, np.float64), _BOUNDS)]
