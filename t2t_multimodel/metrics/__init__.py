"""Task metrics by name, each in a module of its own that is imported on first use.

A metric is a function ``score(hypotheses, references)`` of presented outputs and their references, decorated by
`register_metric` with a literal name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from t2t_multimodel.errors import DataError
from t2t_multimodel.registry import Registry

Scores = dict[str, float | int | str]
Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], Scores]

_metrics = Registry(kind="metric", package=__name__, function="register_metric")


def register_metric(name: str) -> Callable[[Scorer], Scorer]:
    """Function decorator: registers ``score(hypotheses, references)`` under `name`, the key of its main score."""

    def decorate(function: Scorer) -> Scorer:
        _metrics.add(name, function, function.__module__)
        return function

    return decorate


def get(name: str) -> Scorer:
    """The scorer registered as `name`.

    Raises:
        UnknownNameError: there is none; the nearest names are suggested.
    """
    return _metrics.get(name)


def names() -> list[str]:
    """Names of all metrics."""
    return _metrics.names()


def score(metrics: Iterable[str], hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Scores outputs by several metrics.

    Args:
        metrics: names of registered metrics.
        hypotheses: presented outputs.
        references: of each output one or more references.

    Returns:
        all scores by the key they have in an evaluation's record.

    Raises:
        DataError: there are no outputs, or not at least one reference for each.
        UnknownNameError: a metric is not registered.
    """
    if not hypotheses:
        raise DataError("there are no outputs to score; decode at least one example")
    if len(hypotheses) != len(references) or not all(references):
        raise DataError(
            f"{len(hypotheses)} outputs and {len(references)} lists of references; give each output one or more"
        )
    scores: Scores = {}
    for name in metrics:
        scores |= get(name)(hypotheses, references)
    return scores
