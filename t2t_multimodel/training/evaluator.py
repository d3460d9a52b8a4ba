"""Teacher-forced evaluation of a model on one split of any of its problems."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training import evaluation
from t2t_multimodel.training.baseline import Baseline
from t2t_multimodel.training.data import task_baseline
from t2t_multimodel.training.step import make_eval_step


class Evaluator:
    """Scores problems of a model; data, baselines and traced steps are kept from one call to the next.

    Args:
        model: the model, as it is when `evaluate` is called.
        data_dir: generated data.
        split: ``"dev"`` or ``"test"``.
        seed: of the choice of batches where not all are taken.
        strict: damaged records are fatal.
    """

    def __init__(
        self, model: MultiModel, data_dir: str | pathlib.Path, split: str, *, seed: int = 0, strict: bool = False
    ):
        self.model, self.data_dir, self.split = model, data_dir, split
        self._seed, self._strict = seed, strict
        self._inputs: dict[str, ProblemInput] = {}
        self._baselines: dict[str, Baseline] = {}
        self._steps: dict[tuple[str, str], Callable] = {}

    def inputs(self, task: Task) -> ProblemInput:
        """The task's split.

        Raises:
            DataError: it is missing, damaged or empty.
        """
        if task.name not in self._inputs:
            self._inputs[task.name] = ProblemInput(
                task.problem, self.data_dir, self.split, self.model.hparams, seed=self._seed, strict=self._strict
            )
        return self._inputs[task.name]

    def evaluate(self, task: Task, *, step: int, max_batches: int | None = None) -> dict[str, Any]:
        """Scores one problem.

        Args:
            task: the problem.
            step: the model's training step, kept in the record.
            max_batches: None for all.

        Returns:
            a record as `evaluation.evaluate` gives it.
        """
        inputs = self.inputs(task)
        if task.name not in self._baselines:
            self._baselines[task.name] = task_baseline(task, self.data_dir)
        if task.pair not in self._steps:
            self._steps[task.pair] = make_eval_step(self.model, task)
        return evaluation.evaluate(
            task,
            inputs,
            self._steps[task.pair],
            self._baselines[task.name],
            step=step,
            split=self.split,
            max_batches=max_batches,
        )
