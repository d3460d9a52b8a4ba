"""Means with intervals, the rule of a verdict, and agreement of two rankings."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Iterable, Mapping
from types import ModuleType

import numpy as np

from t2t_multimodel.errors import ExperimentError

CLAIMS = {"less": "below", "greater": "above", "not_less": "at least", "not_greater": "at most"}  # by kind, in words


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate and the interval that it is known to.

    Args:
        mean: the estimate.
        low: lower end; -inf where the values say nothing about it.
        high: upper end; inf where the values say nothing about it.
        count: values that it was made from.
    """

    mean: float
    low: float
    high: float
    count: int


def scipy_part(name: str) -> ModuleType:
    """The module `scipy.<name>`, which only experiments need.

    Raises:
        ExperimentError: SciPy is not installed.
    """
    try:
        return importlib.import_module(f"scipy.{name}")
    except ImportError:
        raise ExperimentError(
            'experiments need SciPy, which is not installed; run pip install "t2t-multimodel[experiments]"'
        ) from None


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean of independent values, one a seed, with the interval of Student's t distribution.

    One value says nothing about its spread: its interval is (-inf, inf), and no verdict follows from it.

    Args:
        values: at least one, all finite.
        confidence: between 0 and 1; for k verdicts that should hold together, 1 - 0.05 / k.

    Raises:
        ExperimentError: no value, one that is not finite, or SciPy is missing.

    Example:
        >>> interval = mean_interval([1.0, 2.0, 3.0])
        >>> f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}] of {interval.count}"
        '2.00 [-0.48, 4.48] of 3'
    """
    found = np.asarray(list(values), np.float64)
    if not found.size:
        raise ExperimentError("there is no value to take a mean of; run at least one seed")
    if not np.isfinite(found).all():
        raise ExperimentError(f"a value of {found.tolist()} is not finite; leave out the run that diverged and say so")
    mean = float(found.mean())
    if found.size == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    quantile = scipy_part("stats").t.ppf(0.5 + confidence / 2, found.size - 1)
    half = float(quantile * found.std(ddof=1) / math.sqrt(found.size))
    return Interval(mean, mean - half, mean + half, found.size)


def paired_interval(first: Mapping[int, float], second: Mapping[int, float], confidence: float = 0.95) -> Interval:
    """The mean of `first - second` over the seeds that both have, with its interval.

    Args:
        first: value by seed.
        second: value by seed.
        confidence: as of `mean_interval`.

    Raises:
        ExperimentError: no seed is in both, or a value is not finite.

    Example:
        >>> paired_interval({1: 3.0, 2: 4.0, 3: 9.0}, {1: 1.0, 2: 2.0})
        Interval(mean=2.0, low=2.0, high=2.0, count=2)
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        raise ExperimentError(
            f"seeds {sorted(first)} and {sorted(second)} have none in common; run both sides with the same seeds"
        )
    return mean_interval((first[seed] - second[seed] for seed in common), confidence)


def verdict(interval: Interval, claim: str, margin: float = 0.0) -> str:
    """What an interval says of a claim about the true value: "supported", "refuted" or "undecided".

    The rule is fixed before the runs. A claim is supported where it holds on the whole interval, refuted where it holds
    nowhere on it, and undecided otherwise:

    | claim | it says | supported | refuted |
    |---|---|---|---|
    | `less` | value < margin | high < margin | low >= margin |
    | `greater` | value > margin | low > margin | high <= margin |
    | `not_less` | value >= margin | low >= margin | high < margin |
    | `not_greater` | value <= margin | high <= margin | low > margin |

    An interval of one value is infinite and leaves every claim undecided.

    Args:
        interval: of a value or of a difference.
        claim: one of `CLAIMS`.
        margin: what the value is compared with; for "does no harm", the harm that is tolerated.

    Raises:
        ExperimentError: no such claim.

    Example:
        >>> verdict(Interval(-0.3, -0.5, -0.1, 3), "less")
        'supported'
        >>> verdict(Interval(0.1, -0.1, 0.3, 3), "not_greater", margin=0.2)
        'undecided'
    """
    if claim not in CLAIMS:
        raise ExperimentError(f"claim {claim!r} is unknown; give one of {', '.join(CLAIMS)}")
    below, above = interval.high < margin, interval.low > margin
    not_above, not_below = interval.high <= margin, interval.low >= margin
    holds, fails = {
        "less": (below, not_below),
        "greater": (above, not_above),
        "not_less": (not_below, below),
        "not_greater": (not_above, above),
    }[claim]
    return "supported" if holds else "refuted" if fails else "undecided"


def rank_agreement(
    predicted: np.ndarray, measured: np.ndarray, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Spearman's rank correlation of predicted and measured effects, with an interval by bootstrap over tasks.

    Pairs that share a task are not independent; so tasks are drawn with replacement, not pairs, and all pairs of
    different drawn tasks are kept.

    Args:
        predicted: `[tasks]`, or `[tasks, tasks]` for the effect of each task on each; a matrix's diagonal is left out.
        measured: of the same shape. Cells that are NaN in either are left out.
        confidence: of the percentile interval.
        resamples: drawn sets of tasks.
        seed: of the draws.

    Returns:
        `count` is the number of tasks. Where fewer than three cells are known or all are equal, there is no
        correlation: the mean is NaN and the interval (-1, 1).

    Raises:
        ExperimentError: the shapes differ.

    Example:
        >>> rank_agreement(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 2.0, 3.0, 4.0])).mean
        1.0
    """
    predicted, measured = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    square = predicted.ndim == 1 or (predicted.ndim == 2 and predicted.shape[0] == predicted.shape[1])
    if predicted.shape != measured.shape or not square:
        raise ExperimentError(
            f"effects of shapes {predicted.shape} and {measured.shape} cannot be compared; give both as [tasks] or"
            " [tasks, tasks]"
        )
    tasks = len(predicted)
    rho = _rank_correlation(predicted, measured, np.arange(tasks))
    if math.isnan(rho):
        return Interval(rho, -1.0, 1.0, tasks)
    generator = np.random.default_rng(seed)
    draws = [_rank_correlation(predicted, measured, generator.integers(tasks, size=tasks)) for _ in range(resamples)]
    low, high = np.nanquantile([*draws, rho], [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(rho, float(low), float(high), tasks)


def _rank_correlation(predicted: np.ndarray, measured: np.ndarray, tasks: np.ndarray) -> float:
    """Spearman's rho over the known cells of `tasks` (a task may come twice); NaN where it is not defined."""
    if predicted.ndim == 2:
        cells = [(i, j) for i in tasks for j in tasks if i != j]
        places = tuple(np.array(cells, np.int64).reshape(-1, 2).T)
    else:
        places = (tasks,)
    first, second = predicted[places], measured[places]
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    rank = scipy_part("stats").rankdata
    return float(np.clip(np.corrcoef(rank(first), rank(second))[0, 1], -1.0, 1.0))
