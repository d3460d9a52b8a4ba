"""Weights and counts of problems as hparams write them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

from t2t_multimodel.errors import HParamsError


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A weight as a function of the step: linear between points, constant before the first and after the last.

    Attributes:
        steps: of the points, rising.
        weights: at them.

    Example:
        Schedule((0, 1000), (1.0, 4.0)).at(500)  # 2.5
    """

    steps: tuple[int, ...]
    weights: tuple[float, ...]

    def at(self, step: int) -> float:
        """The weight at `step`."""
        if step >= self.steps[-1]:
            return self.weights[-1]
        after = next(place for place, at in enumerate(self.steps) if at > step)
        if after == 0:
            return self.weights[0]
        (first, last), (low, high) = self.steps[after - 1 : after + 1], self.weights[after - 1 : after + 1]
        return low + (high - low) * (step - first) / (last - first)


def parse_weights(text: str, hparam: str, problems: Sequence[str] | None = None) -> dict[str, float]:
    """Weights by problem from ``problem:weight|problem:weight``.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.
        problems: the names that are allowed; None allows all.

    Raises:
        HParamsError: an item has no weight or a negative one, or names another problem.

    Example:
        parse_weights("image_imagenet:0.7|speech_wsj:2", "mixing.loss_weights")
    """
    return {name: _weight(value, item, hparam) for name, value, item in _items(text, hparam, problems)}


def parse_schedules(text: str, hparam: str, problems: Sequence[str] | None = None) -> dict[str, Schedule]:
    """Weights by problem that may change with the step: ``problem:weight@step>weight@step|problem:weight``.

    A first weight without a step is that of step 0.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.
        problems: the names that are allowed; None allows all.

    Raises:
        HParamsError: an item has no weight or a negative one, its steps do not rise, or it names another problem.

    Example:
        parse_schedules("translate_deen:1>4@1000|wsj_parsing:2", "mixing.weights")
    """
    return {name: _schedule(value, item, hparam) for name, value, item in _items(text, hparam, problems)}


def parse_counts(text: str, hparam: str) -> dict[str, int]:
    """Counts by problem from ``problem:count|problem:count``.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.

    Raises:
        HParamsError: an item has no problem, or its count is no integer above 0.

    Example:
        parse_counts("wsj_parsing:500|speech_wsj:1000", "batching.examples")
    """
    counts = {}
    for name, value, item in _items(text, hparam, None):
        if not name or not value.isdecimal() or not int(value):
            raise HParamsError(f"{hparam} item {item!r} is not problem:count with a count of 1 or more; write one")
        counts[name] = int(value)
    return counts


def _items(text: str, hparam: str, problems: Sequence[str] | None) -> Iterator[tuple[str, str, str]]:
    """Name, value and text of each item."""
    for item in filter(None, text.split("|")):
        name, _, value = item.partition(":")
        yield name, value, item
        if problems is not None and name not in problems:
            raise HParamsError(
                f"{hparam} item {item!r} names no problem of this run; give one of {', '.join(problems)}"
            )


def _weight(text: str, item: str, hparam: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        raise HParamsError(f"{hparam} item {item!r} is not problem:weight; write one") from None
    if not 0 <= weight < math.inf:
        raise HParamsError(f"{hparam} item {item!r} has a weight below 0 or not finite; give 0 or more")
    return weight


def _schedule(text: str, item: str, hparam: str) -> Schedule:
    first, *rest = text.split(">")
    points = [first if "@" in first else f"{first}@0", *rest]
    pairs = [point.partition("@")[::2] for point in points]
    steps = [int(step) if step.isdecimal() else -1 for _, step in pairs]
    if steps[0] < 0 or any(after <= before for before, after in itertools.pairwise(steps)):
        raise HParamsError(f"{hparam} item {item!r} has no rising steps; write such as problem:1>4@1000>2@5000")
    return Schedule(tuple(steps), tuple(_weight(weight, item, hparam) for weight, _ in pairs))
