"""Teacher-forced evaluation of a model on one split of any of its problems."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.baseline import Baseline, task_baseline
from t2t_multimodel.training.step import make_eval_step


class Evaluator:
    """Scores problems of a model; it keeps data, baselines and traced steps from one call to the next.

    Args:
        model: the model, as it is when `evaluate` is called.
        data_dir: generated data.
        split: ``"dev"`` or ``"test"``.
        seed: of the choice of batches where not all are taken.
        strict: damaged records are fatal.

    Example:
        evaluator = Evaluator(run.model, "data/mini", "dev")
        records = [evaluator.evaluate(task, step=run.step) for task in run.tasks]
    """

    def __init__(
        self, model: MultiModel, data_dir: str | pathlib.Path, split: str, *, seed: int = 0, strict: bool = False
    ):
        self.model, self.data_dir, self.split = model, data_dir, split
        self._seed, self._strict = seed, strict
        self._inputs: dict[str, ProblemInput] = {}
        self._baselines: dict[str, Baseline] = {}
        self._steps: dict[Hashable, Callable] = {}

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
            the record, see `evaluate`.
        """
        inputs = self.inputs(task)
        if task.name not in self._baselines:
            self._baselines[task.name] = task_baseline(task, self.data_dir)
        key = task.step_key(self.model.hparams.modalities)
        if key not in self._steps:
            self._steps[key] = make_eval_step(self.model, task)
        return evaluate(
            task,
            inputs,
            self._steps[key],
            self._baselines[task.name],
            step=step,
            split=self.split,
            max_batches=max_batches,
        )


def evaluate(
    task: Task,
    inputs: ProblemInput,
    eval_step: Callable,
    baseline: Baseline,
    *,
    step: int,
    split: str,
    max_batches: int | None = None,
) -> dict[str, Any]:
    """Scores a problem's split, teacher-forced.

    Args:
        task: the problem.
        inputs: its batches.
        eval_step: of `step.make_eval_step`.
        baseline: from the training shards.
        step: the model's training step, kept in the record.
        split: name of the split, kept in the record.
        max_batches: None for all.

    Returns:
        the record that `metrics.jsonl` keeps: losses in nats a target token, accuracies from 0 to 1.
    """
    sums: dict[str, float] = {}
    seen, examples = [], 0
    command = tf.constant(task.command, tf.int32)
    for batch in inputs.evaluate(max_batches):
        for name, value in eval_step(batch, command).items():
            sums[name] = sums.get(name, 0.0) + float(value)
        targets = batch["targets"].numpy()
        examples += len(targets)
        seen.append(targets[targets != task.problem.targets.padding])
    count = max(sums["targets"], 1.0)
    baseline_loss, baseline_accuracy = baseline.scores(np.concatenate(seen))
    record = {
        "step": step,
        "problem": task.name,
        "split": split,
        "examples": examples,
        "target_tokens": int(sums["targets"]),
        "loss": sums["nll"] / count,
        "log_perplexity": sums["nll"] / count,
        "token_accuracy": sums["correct"] / count,
        "sequence_accuracy": sums["sequences_correct"] / max(sums["sequences"], 1.0),
        "baseline_loss": baseline_loss,
        "baseline_accuracy": baseline_accuracy,
    }
    return record | task.problem.targets.extra_scores(sums)
