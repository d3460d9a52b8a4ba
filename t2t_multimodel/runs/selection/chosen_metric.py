"""The one metric by which the checkpoints of a run are compared."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from t2t_multimodel.metrics import ERROR_RATES

RELATIVE_LOSS = "relative_loss"
# Fields of a record that are numbers but say nothing of the weights.
_NO_SCORES = ("step", "examples", "target_tokens", "baseline_loss", "baseline_accuracy")
_DOWN = ("loss", "perplexity", "error", "error_rate")
_AVERAGED = "ema_"


@dataclasses.dataclass(frozen=True)
class ChosenMetric:
    """A score of one problem, or its mean over all problems.

    Losses, perplexities and error rates are better where they are smaller, all else where it is larger. The score
    ``relative_loss`` is the loss over the baseline's.

    Args:
        name: ``PROBLEM/SCORE`` or ``SCORE``.

    Example:
        >>> metric = ChosenMetric("mini_parsing/token_accuracy")
        >>> metric.by_problem([{"problem": "mini_parsing", "token_accuracy": 0.5}])
        {'mini_parsing': 0.5}
        >>> metric.better(0.6, 0.5), ChosenMetric("relative_loss").better(0.6, 0.5)
        (True, False)
    """

    name: str

    @property
    def problem(self) -> str:
        """The problem; "" for all."""
        return self.name.rpartition("/")[0]

    @property
    def score(self) -> str:
        """Name of the score."""
        return self.name.rpartition("/")[2]

    @property
    def falls(self) -> bool:
        """Whether less is better."""
        plain = self.score.removeprefix(_AVERAGED)
        return plain in ERROR_RATES or any(plain == word or plain.endswith(f"_{word}") for word in _DOWN)

    def by_problem(self, records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """The score of each problem that it is taken of; NaN where a record has no finite value.

        Args:
            records: of one evaluation, as `metrics.jsonl` has them; those without this score are left out.
        """
        wanted = [record for record in records if self.problem in ("", record["problem"])]
        return {record["problem"]: _score(record, self.score) for record in wanted if _has(record, self.score)}

    def better(self, value: float, than: float, min_delta: float = 0.0) -> bool:
        """Whether `value` is better by more than `min_delta`; one that is not finite never is."""
        return math.isfinite(value) and (than - value if self.falls else value - than) > min_delta


def mean(values: Mapping[str, float]) -> float:
    """The mean over problems; NaN where there are none."""
    return sum(values.values()) / len(values) if values else math.nan


def scores_of(record: Mapping[str, Any]) -> list[str]:
    """The scores that a record has, `relative_loss` first."""
    numbers = [name for name, value in record.items() if isinstance(value, float) and name not in _NO_SCORES]
    relative = [name.replace("loss", RELATIVE_LOSS) for name in ("loss", f"{_AVERAGED}loss") if name in numbers]
    return [*relative, *numbers]


def _has(record: Mapping[str, Any], score: str) -> bool:
    return (score.removesuffix(RELATIVE_LOSS) + "loss" if score.endswith(RELATIVE_LOSS) else score) in record


def _score(record: Mapping[str, Any], score: str) -> float:
    relative = score.endswith(RELATIVE_LOSS)
    value = record[score.removesuffix(RELATIVE_LOSS) + "loss" if relative else score]
    if value is None:
        return math.nan
    return value / max(record["baseline_loss"], 1e-6) if relative else float(value)
