"""Ends a training whose metric no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.selection.chosen_metric import ChosenMetric
from t2t_multimodel.training.keep.metric_hook import MetricHook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class EarlyStop(MetricHook):
    """Ends the training after `patience` evaluations in a row that did not improve a metric.

    A run that ended so ends again when it is started again, unless it is given more patience.

    Args:
        metric: what must improve.
        patience: number of evaluations.
        min_delta: a value counts as better only by more than this.

    Example:
        train(config, hooks=[EarlyStop(ChosenMetric("relative_loss"), patience=3)])
    """

    name = "early_stop"

    def __init__(self, metric: ChosenMetric, *, patience: int, min_delta: float = 0.0):
        super().__init__(metric, min_delta=min_delta)
        self._patience, self._waited, self._told = patience, 0, False

    def begin(self, trainer: Trainer) -> bool | None:
        """Looks at what the checkpoint does not know; gives whether the training is over already."""
        if not trainer.evaluated:
            raise TrainingError(
                f"early stopping needs evaluations, and no problem has a dev split in {trainer.config.data_dir};"
                " generate one, or leave out --early_stop_patience"
            )
        super().begin(trainer)
        return self._over()

    def compared(self, improved: bool) -> bool | None:
        """Counts the evaluation."""
        self._waited = 0 if improved else self._waited + 1
        return self._over()

    def _over(self) -> bool:
        if self._waited < self._patience:
            return False
        if self._told:
            return True
        self._told, best = True, f" on {self.best.value:.4g} of step {self.best.step}" if self.best else ""
        self.trainer.say(
            f"stopped early at step {self.trainer.step}: {self.metric.name} did not improve{best} in"
            f" {self._waited} evaluations (--early_stop_patience={self._patience})"
        )
        return True

    def state(self) -> Mapping[str, Any]:
        """The evaluations without improvement, beside the best one."""
        return {**super().state(), "waited": self._waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state, unless it is of another metric."""
        super().restore(state)
        if state["metric"] == self.metric.name:
            self._waited = state["waited"]
