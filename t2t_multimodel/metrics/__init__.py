"""Task metrics by name. Each has one module, which is imported on first use.

A metric is a function ``score(hypotheses, references)``. Its arguments are the outputs as people read them and their
references. `register_metric` registers it; the name must be a literal. A metric that also has ``statistics(hypotheses,
references)`` gets confidence intervals and scores of single examples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from t2t_multimodel.errors import DataError
from t2t_multimodel.registry import Registry

if TYPE_CHECKING:
    from t2t_multimodel.metrics.corpus_statistics import Statistics

Scores = dict[str, float | int | str]
Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], Scores]
StatisticsOf = Callable[[Sequence[str], Sequence[Sequence[str]]], "Statistics"]
# Names of metrics of which less is better.
ERROR_RATES = frozenset({"wer", "cer", "ter"})

_metrics = Registry(kind="metric", package=__name__, function="register_metric")


@dataclasses.dataclass(frozen=True)
class _Metric:
    score: Scorer
    statistics: StatisticsOf | None


def register_metric(name: str, *, statistics: StatisticsOf | None = None) -> Callable[[Scorer], Scorer]:
    """Function decorator: registers ``score(hypotheses, references)`` as the metric `name`, the key of its main score.

    `name` must be a literal, since the names are read from the sources. `metrics/wer.py` is a short example.

    Args:
        name: of the metric.
        statistics: ``statistics(hypotheses, references)``, what the score sums over examples; None where it has no such
            form: then it has no interval.
    """

    def decorate(function: Scorer) -> Scorer:
        _metrics.add(name, _Metric(function, statistics), function.__module__)
        return function

    return decorate


def get(name: str) -> Scorer:
    """The scorer registered as `name`.

    Raises:
        UnknownNameError: there is none; the nearest names are suggested.

    Example:
        ```python
        from t2t_multimodel import metrics

        metrics.get("wer")(["a red ring"], [["a red ring here"]])["wer"]  # 0.25
        ```
    """
    return _metrics.get(name).score


def statistics(name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics | None:
    """What the metric `name` sums over examples, or None where it has no such form.

    Args:
        name: of a registered metric.
        hypotheses: presented outputs.
        references: of each output one or more references.

    Raises:
        UnknownNameError: the metric is not registered.

    Example:
        ```python
        from t2t_multimodel import metrics

        outputs, references = ["a red ring", "a circle"], [["a red ring"], ["a square"]]
        metrics.statistics("wer", outputs, references).example_scores("wer")  # [0.0, 0.5]
        ```
    """
    found = _metrics.get(name).statistics
    return None if found is None else found(hypotheses, references)


def names() -> list[str]:
    """Names of all metrics, sorted.

    Example:
        ```python
        from t2t_multimodel import metrics

        "bleu" in metrics.names()  # True
        ```
    """
    return _metrics.names()


def score(
    metrics: Iterable[str],
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    resamples: int = 0,
    seed: int = 0,
) -> Scores | dict[str, list[float]]:
    """Scores outputs by several metrics.

    Args:
        metrics: names of registered metrics.
        hypotheses: presented outputs.
        references: of each output one or more references.
        resamples: corpora drawn for the bootstrap intervals; 0 leaves them out.
        seed: of the draws.

    Returns:
        all scores by the key they have in an evaluation's record; with `resamples` the 95% interval of each metric
        NAME as ``NAME_interval``, [low, high].

    Raises:
        DataError: there are no outputs, or not at least one reference for each.
        UnknownNameError: a metric is not registered.

    Example:
        ```python
        from t2t_multimodel import metrics

        scores = metrics.score(["wer", "cer"], ["a red ring"], [["a red king"]], resamples=1000)
        scores["cer"]  # 0.1
        scores["cer_interval"]  # [0.1, 0.1]
        ```
    """
    if not hypotheses:
        raise DataError("there are no outputs to score; decode at least one example")
    if len(hypotheses) != len(references) or not all(references):
        raise DataError(
            f"{len(hypotheses)} outputs and {len(references)} lists of references; give each output one or more"
        )
    scores: Scores = {}
    for name in metrics:
        found = statistics(name, hypotheses, references)
        scores |= get(name)(hypotheses, references) if found is None else found.scores()
        if found is not None and resamples:
            scores[f"{name}_interval"] = found.interval(name, resamples=resamples, seed=seed)
    return scores
