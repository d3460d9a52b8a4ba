"""What happens beside the steps of a training: report, evaluate, save."""

from __future__ import annotations

from collections.abc import Callable

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.loop.health import Health
from t2t_multimodel.training.watch.training_log import TrainingLog


class Report:
    """Hands each step's values to the training line and to TensorBoard.

    Args:
        log: writes the lines and scalars.
    """

    def __init__(self, log: TrainingLog):
        self._log = log

    def __call__(self, output: StepOutput) -> None:
        """Adds the step; the log decides when to write."""
        self._log.add_parts(output.step, output.parts)


class Save:
    """Saves each `steps` steps, but not after the last step.

    A save of weights that the last steps did not prove good is put off to the next good step.

    Args:
        steps: period.
        save: writes a checkpoint.
        health: of the training; its step comes before.
        log: leaves the time of saving out of the rates.
        wanted: whether a save is asked for after this step, too.

    Example:
        actions = [Report(log), health, Save(500, save, health, log)]
    """

    def __init__(
        self,
        steps: int,
        save: Callable[[], object],
        health: Health,
        log: TrainingLog,
        wanted: Callable[[], bool] = lambda: False,
    ):
        self._steps, self._save, self._health, self._log, self._wanted = steps, save, health, log, wanted
        self._due = False

    def __call__(self, output: StepOutput) -> bool:
        """Saves if it is due; gives whether the training must end. A failed save is told and tried again next time."""
        self._due = self._due or output.step % self._steps == 0 or self._wanted()
        if self._due and not output.last:
            with self._log.paused(output.step):
                if self._health.check():
                    self._due = False
                    self._try()
        return self._health.failure is not None

    def _try(self) -> None:
        try:
            self._save()
        except CheckpointError as error:
            print_warning(f"{error}; training goes on, and the next save is after {self._steps} steps")


class Every:
    """Does something each `steps` steps, but not after the last step; its time does not count as training time.

    Args:
        steps: period; 0 means never.
        work: called with the number of steps finished; gives whether the training ends here.
        log: writes its line before and leaves the time of `work` out of the rates.

    Example:
        actions = [Report(log), Every(1000, evaluate, log)]
    """

    def __init__(self, steps: int, work: Callable[[int], bool | None], log: TrainingLog):
        self._steps, self._work, self._log = steps, work, log

    def __call__(self, output: StepOutput) -> bool | None:
        """Does the work if it is due; gives whether the training ends here."""
        if self._steps and output.step % self._steps == 0 and not output.last:
            with self._log.paused(output.step):
                return self._work(output.step)
        return None
