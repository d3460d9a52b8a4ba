"""What happens beside the steps of a training: report, evaluate, save."""

from __future__ import annotations

from collections.abc import Callable

from t2t_multimodel.training.controller import StepOutput
from t2t_multimodel.training.training_log import TrainingLog


class Report:
    """Hands each step's values to the training line and to TensorBoard.

    Args:
        log: writes the lines and scalars.
    """

    def __init__(self, log: TrainingLog):
        self._log = log

    def __call__(self, output: StepOutput) -> None:
        """Adds the step; the log decides when to write."""
        self._log.add(output.step, output.problem, output.values)


class Every:
    """Does something each `steps` steps, but not after the last step; its time does not count as training time.

    Args:
        steps: period; 0 means never.
        work: called with the number of steps finished.
        log: writes its line before and leaves the time of `work` out of the rates.

    Example:
        actions = [Report(log), Every(1000, evaluate, log), Every(500, save, log)]
    """

    def __init__(self, steps: int, work: Callable[[int], object], log: TrainingLog):
        self._steps, self._work, self._log = steps, work, log

    def __call__(self, output: StepOutput) -> None:
        """Does the work if it is due."""
        if self._steps and output.step % self._steps == 0 and not output.last:
            with self._log.paused(output.step):
                self._work(output.step)
