"""The hook that measures gradients of tasks now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.inspect.heat_map import named_heat_map
from t2t_multimodel.errors import StorageError, TrainingError
from t2t_multimodel.runs.metrics_log import append_records, forget_records_after
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.tasks.measure import TaskMeasure

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer

FILE = "task_gradients.jsonl"


class TaskGradients(Hook):
    """Measures how the problems of a run agree, each `steps` steps, on the first training batch of each.

    It writes a line into `task_gradients.jsonl` of the run folder, and to TensorBoard. Nothing of the run changes.

    Args:
        steps: period.
    """

    def __init__(self, steps: int):
        self._steps = steps

    def begin(self, trainer: Trainer) -> None:
        """Reads the batches.

        Raises:
            TrainingError: there is one problem alone, or more than one device.
        """
        if len(trainer.tasks) < 2:
            raise TrainingError("--task_gradients compares problems, and there is one; give several in --problem")
        if trainer.strategy.num_replicas_in_sync > 1 or trainer.model.mesh is not None or not trainer.workers.alone:
            raise TrainingError("--task_gradients works on one device; give --strategy=one_device, or leave it out")
        self._folder = trainer.config.output_dir
        forget_records_after(self._folder, trainer.step, FILE)
        self._events = trainer.events
        batches = {name: next(source.train()) for name, source in trainer.inputs.items()}
        self._measure = TaskMeasure(trainer.model, trainer.tasks.values(), batches, seed=trainer.config.seed)

    def stepped(self, output: StepOutput) -> None:
        """Measures where it is time."""
        if output.step % self._steps:
            return
        record = {"step": output.step, **self._measure()}
        try:
            append_records(self._folder, [record], FILE)
        except (OSError, StorageError) as error:
            print_warning(f"the gradients of tasks at step {output.step} are not kept ({error}); training goes on")
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        names = record["problems"]
        with self._events.at(record["step"]):
            for part, values in record["cosine"].items():
                shown = (np.nan_to_num(np.array(values)) + 1) / 2  # light where they agree
                tf.summary.image(f"task_cosine_{part}", named_heat_map(shown, names, names)[np.newaxis])
                for i, j in zip(*np.triu_indices(len(names), 1)):
                    if np.isfinite(values[i][j]):
                        tf.summary.scalar(f"task_cosine_{part}/{names[i]}/{names[j]}", values[i][j])
            for i, j in np.ndindex(len(names), len(names)):
                tf.summary.scalar(f"task_effect/{names[i]}/{names[j]}", record["effect"][i][j])
