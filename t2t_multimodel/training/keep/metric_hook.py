"""What follows one metric from evaluation to evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.metrics_log import is_of_training, read_records
from t2t_multimodel.runs.selection.best import Best
from t2t_multimodel.runs.selection.chosen_metric import ChosenMetric, mean
from t2t_multimodel.training.loop.hook import Hook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class MetricHook(Hook):
    """Knows the best value of a metric so far; a subclass says what follows from an evaluation.

    Values are compared only with those of the same metric and problems; where these change, the best starts anew. An
    evaluation that was made after the restored checkpoint was written, at its step, is taken from `metrics.jsonl`.

    Args:
        metric: what is followed.
        min_delta: by how much a value must be better to count.

    Attributes:
        best: the best evaluation so far, or None.
        trainer: of `begin`.
    """

    trainer: Trainer

    def __init__(self, metric: ChosenMetric, *, min_delta: float = 0.0):
        self.metric, self._min_delta = metric, min_delta
        self.best: Best | None = None
        self._seen = -1

    def begin(self, trainer: Trainer) -> bool | None:
        """Takes up what the checkpoint does not know of its own step."""
        self.trainer = trainer
        evaluated = [task.name for task in trainer.evaluated]
        if self.metric.problem and self.metric.problem not in evaluated:
            raise TrainingError(
                f"{self.metric.name} cannot be followed: {self.metric.problem} has no dev split in"
                f" {trainer.config.data_dir}; generate it, or give another --best_metric"
            )
        if 0 < trainer.step != self._seen:
            found = {}
            for record in read_records(trainer.config.output_dir):
                if is_of_training(record) and record["step"] == trainer.step and record["problem"] in evaluated:
                    found.setdefault(record["problem"], record)
            if len(found) == len(evaluated):
                return self.evaluated(list(found.values()))
        return None

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> bool | None:
        """Compares an evaluation with the best one."""
        values = self.metric.by_problem(records)
        if not values or records[0]["step"] == self._seen:
            return None
        self._seen = records[0]["step"]
        if self.best is not None and self.best.values.keys() != values.keys():
            self.best = None
        value = mean(values)
        improved = self.metric.better(value, self.best.value, self._min_delta) if self.best else math.isfinite(value)
        if improved:
            self.best = Best(self._seen, self.metric.name, value, values)
        return self.compared(improved)

    def compared(self, improved: bool) -> bool | None:
        """Called once for each evaluation; gives whether the training ends here.

        Args:
            improved: whether `best` is this evaluation.
        """
        raise NotImplementedError

    def state(self) -> Mapping[str, Any]:
        """The metric, the last evaluation that was compared, and the best one."""
        best = None if self.best is None else self.best.as_dict()
        return {"metric": self.metric.name, "seen": self._seen, "best": best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state, unless it is of another metric."""
        if state["metric"] == self.metric.name:
            self._seen = state["seen"]
            self.best = None if state["best"] is None else Best(**state["best"])
