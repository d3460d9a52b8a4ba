"""What the steps of a while gave, by problem: collected without waiting for the steps, and handed on now and then."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

# Values `[experts]` of a step: tokens, and sums of gates, of each expert of the two mixtures.
MIXTURES = ("load_encoder", "load_decoder", "importance_encoder", "importance_decoder")


@dataclasses.dataclass(frozen=True)
class ProblemValues:
    """What the steps of one problem gave; means are over the steps that were not skipped, NaN where all were.

    Attributes:
        steps: that trained it.
        skipped: of them, since loss or gradient was not finite.
        loss: mean of the smoothed losses.
        accuracy: mean share of the targets that were right.
        gradient_norm: mean, before clipping.
        learning_rate: of the last step.
        targets: tokens, in all.
        dropped: share of the tokens' choices that experts had no room for; None where they have room for all.
        mixtures: sums over the steps, by the names of `MIXTURES`, `[experts]`.
    """

    steps: int
    skipped: int
    loss: float
    accuracy: float
    gradient_norm: float
    learning_rate: float
    targets: float
    dropped: float | None
    mixtures: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Interval:
    """What the steps of a while gave.

    Attributes:
        step: number of steps finished.
        train_steps: the last step.
        problems: those that were trained.
        seconds: that the steps took.
        steps_per_second: of them.
        seconds_left: to the last step, by a moving average of the rate.
        mixture_loss: of the last step.
    """

    step: int
    train_steps: int
    problems: Mapping[str, ProblemValues]
    seconds: float
    steps_per_second: float
    seconds_left: float
    mixture_loss: float

    @property
    def targets_per_second(self) -> float:
        """Target tokens trained a second."""
        return sum(values.targets for values in self.problems.values()) / self.seconds


def summarize(results: Sequence[Mapping[str, Any]]) -> ProblemValues:
    """The values of one problem from those of its steps, as `make_train_step`'s step gives them."""
    good = [one for one in results if not float(one["skipped"])]
    slots, dropped = (sum(float(one[name]) for one in results if name in one) for name in ("slots", "dropped_slots"))
    found = {name for name in MIXTURES if name in results[-1]}
    return ProblemValues(
        steps=len(results),
        skipped=len(results) - len(good),
        loss=_mean(good, "loss"),
        accuracy=_mean(good, "token_accuracy"),
        gradient_norm=_mean(good, "gradient_norm"),
        learning_rate=float(results[-1]["learning_rate"]),
        targets=sum(float(one["targets"]) for one in results),
        dropped=dropped / slots if slots else None,
        mixtures={name: np.sum([np.asarray(one[name]) for one in results], axis=0) for name in sorted(found)},
    )


def _mean(results: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(float(one[name]) for one in results) / len(results) if results else float("nan")


class Intervals:
    """Collects the values of steps, and gives an `Interval` to all `sinks` each so many seconds.

    Args:
        sinks: called with each interval.
        train_steps: the last step.
        start: number of steps that earlier sessions finished.
        seconds: length of an interval.

    Example:
        intervals = Intervals([print], train_steps=100, start=0, seconds=10.0)
        intervals.add(1, [("mini_parsing", values)])
    """

    def __init__(self, sinks: Iterable[Callable[[Interval], object]], *, train_steps: int, start: int, seconds: float):
        self._sinks, self._train_steps, self._seconds = list(sinks), train_steps, seconds
        self._pending: list[tuple[str, Mapping[str, Any]]] = []
        self._last_time, self._last_step = time.monotonic(), start
        self._rate = 0.0

    def add(self, step: int, parts: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Takes the values of a step.

        Args:
            step: number of steps finished, this one included.
            parts: each problem that it trained, and the values of its part.
        """
        self._pending.extend(parts)
        if time.monotonic() - self._last_time >= self._seconds or step == self._train_steps:
            self.flush(step)

    def flush(self, step: int) -> None:
        """Hands on what the steps since the last interval gave."""
        if not self._pending:
            return
        now = time.monotonic()
        elapsed = max(now - self._last_time, 1e-9)
        by_problem = defaultdict(list)
        for problem, result in self._pending:
            by_problem[problem].append(result)
        rate = (step - self._last_step) / elapsed
        self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate
        interval = Interval(
            step=step,
            train_steps=self._train_steps,
            problems={problem: summarize(results) for problem, results in sorted(by_problem.items())},
            seconds=elapsed,
            steps_per_second=rate,
            seconds_left=(self._train_steps - step) / max(self._rate, 1e-9),
            mixture_loss=float(self._pending[-1][1]["mixture_loss"]),
        )
        self._pending.clear()
        self._last_time, self._last_step = now, step
        for sink in self._sinks:
            sink(interval)

    def restart(self) -> None:
        """Leaves the time since the last interval out of the rates."""
        self._last_time = time.monotonic()
