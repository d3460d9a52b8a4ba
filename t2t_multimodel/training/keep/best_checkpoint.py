"""Keeps the checkpoint with the best value of a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import StorageError
from t2t_multimodel.runs import checkpoint_files as files
from t2t_multimodel.runs.selection.best import Best, forget_best, read_best, write_best
from t2t_multimodel.runs.selection.chosen_metric import ChosenMetric
from t2t_multimodel.training.keep.metric_hook import MetricHook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class BestCheckpoint(MetricHook):
    """After each evaluation that is the best so far, the weights of its step are saved and named in `best.json`.

    The checkpoint that `best.json` names is not rotated away.

    Args:
        metric: what is compared.

    Example:
        train(config, hooks=[BestCheckpoint(ChosenMetric("mini_parsing/token_accuracy"))])
    """

    name = "best_checkpoint"

    def __init__(self, metric: ChosenMetric):
        super().__init__(metric)
        self._noted: Best | None = None  # what best.json says

    def begin(self, trainer: Trainer) -> None:
        """Makes `best.json` agree with the checkpoint that the run continues from."""
        folder = trainer.config.output_dir
        self._noted = noted = read_best(folder)
        if noted is not None and (noted.step > trainer.step or self._is_gone(folder, noted)):
            if trainer.workers.chief:
                forget_best(folder)
            self._noted = None
        if self.best is not None and self._is_gone(folder, self.best):
            self.best = None
        comparable = self._noted is not None and self._noted.metric == self.metric.name
        if comparable and (self.best is None or self.metric.better(self._noted.value, self.best.value)):
            self.best = self._noted
        super().begin(trainer)
        if self.best is not None and not self._is_gone(folder, self.best):
            self._note()

    @staticmethod
    def _is_gone(folder: str, best: Best) -> bool:
        return files.fault(files.path_of(folder, best.step)) is not None

    def compared(self, improved: bool) -> None:
        """Asks for a checkpoint of this step unless there is one."""
        if not improved:
            return
        if self.trainer.checkpointer.latest == self._path():
            self._note()
        else:
            self.trainer.save_wanted = True

    def saved(self, path: str) -> None:
        """Names the checkpoint in `best.json` if it is the one that was asked for."""
        if self.best == self._noted:
            return
        if path == self._path():
            self._note()
        else:
            self.best = self._noted  # the weights of its step could not be saved

    def _path(self) -> str:
        return files.path_of(self.trainer.config.output_dir, self.best.step)

    def _note(self) -> None:
        best, trainer = self.best, self.trainer
        if best == self._noted or not trainer.workers.chief:
            return
        try:
            write_best(trainer.config.output_dir, best)
        except (OSError, StorageError) as error:
            print_warning(f"the best checkpoint is not noted ({files.first_line(error)}); the next save tries again")
            return
        self._noted = best
        trainer.say(f"best so far: {best.metric} {best.value:.4g} at step {best.step}, kept as {self._path()}")
