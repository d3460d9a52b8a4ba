"""How numbers stand in a report."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.statistics import Interval, mean_interval


def interval_text(values: Mapping[int, float] | Collection[float], form: str = ".3f") -> str:
    """Mean and 95% interval over seeds; one value stands alone, and none is empty."""
    values = values.values() if isinstance(values, Mapping) else values
    return between(mean_interval(values), form) if values else ""


def loss_and_accuracy(readings: Readings, variant: str, role: str) -> str:
    """Both of a variant on a task, each with its interval."""
    scores = readings.loss(variant, role), readings.accuracy(variant, role)
    return "; ".join(map(interval_text, scores))


def between(interval: Interval, form: str = ".3f") -> str:
    """`mean [low, high]`."""
    mean = format(interval.mean, form)
    if not math.isfinite(interval.low):
        return mean
    return f"{mean} [{format(interval.low, form)}, {format(interval.high, form)}]"
