"""Teacher-forced evaluation of a model on one split of any of its problems."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.baseline import Baseline, task_baseline
from t2t_multimodel.training.distribution.devices import LocalDevices
from t2t_multimodel.training.step import Scores, make_eval_step

# What is summed over the batches of a split.
SUMS = (*(field.name for field in dataclasses.fields(Scores)), "examples", "baseline_nll", "baseline_correct")


class Evaluator:
    """Scores problems of a model; it keeps data, baselines and traced steps from one call to the next.

    Args:
        model: the model, as it is when `evaluate` is called.
        data_dir: generated data.
        split: ``"dev"`` or ``"test"``.
        seed: of the choice of batches where not all are taken.
        strict: damaged records are fatal.
        devices: each scores its share of the batches; one device by default.
        total: sums a vector over all processes; there is one by default.

    Example:
        evaluator = Evaluator(run.model, "data/mini", "dev")
        records = [evaluator.evaluate(task, step=run.step) for task in run.tasks]
    """

    def __init__(
        self,
        model: MultiModel,
        data_dir: str | pathlib.Path,
        split: str,
        *,
        seed: int = 0,
        strict: bool = False,
        devices: LocalDevices | None = None,
        total: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ):
        self.model, self.data_dir, self.split = model, data_dir, split
        self._devices, self._total = devices or LocalDevices(tf.distribute.get_strategy()), total
        self._seed, self._strict = seed, strict
        self._inputs: dict[str, ProblemInput] = {}
        self._baselines: dict[str, Baseline] = {}
        self._steps: dict[tuple[Hashable, int], Callable] = {}

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
            the record that `metrics.jsonl` keeps: losses in nats a target token, accuracies from 0 to 1.
        """
        if task.name not in self._baselines:
            self._baselines[task.name] = task_baseline(task, self.data_dir)
        work = [
            functools.partial(self._sums, task, self._step(task, place), place, max_batches)
            for place in range(len(self._devices))
        ]
        sums = self._total(np.sum(self._devices.run(work), axis=0))
        return make_record(task, sums, step=step, split=self.split)

    def _sums(self, task: Task, eval_step: Callable, place: int, max_batches: int | None) -> np.ndarray:
        """The sums of one device's share of the batches."""
        part, parts = self._devices.replicas[place], self._devices.count
        batches = self.inputs(task).evaluate(max_batches, part=part, parts=parts)
        return sum_scores(task, self._devices.while_wanted(batches), eval_step, self._baselines[task.name])

    def _step(self, task: Task, place: int) -> Callable:
        """The traced step of one device."""
        key = task.step_key(self.model.hparams.modalities), place
        if key not in self._steps:
            self._steps[key] = self._devices.bind(make_eval_step(self.model, task), place)
        return self._steps[key]


def sum_scores(
    task: Task, batches: Iterable[Mapping[str, tf.Tensor]], eval_step: Callable, baseline: Baseline
) -> np.ndarray:
    """Scores batches of a problem, teacher-forced.

    Args:
        task: the problem.
        batches: of its split.
        eval_step: of `step.make_eval_step`.
        baseline: from the training shards.

    Returns:
        float64 sums over the batches, for `make_record`; those of several parts of a split may be added.
    """
    sums, command = dict.fromkeys(SUMS, 0.0), tf.constant(task.command, tf.int32)
    for batch in batches:
        for name, value in eval_step(batch, command).items():
            sums[name] += float(value)
        targets = batch["targets"].numpy()
        real = targets[targets != task.problem.targets.padding]
        loss, accuracy = baseline.scores(real)
        sums["examples"] += len(targets)
        sums["baseline_nll"] += loss * len(real)
        sums["baseline_correct"] += accuracy * len(real)
    return np.array(list(sums.values()))


def make_record(task: Task, totals: np.ndarray, *, step: int, split: str) -> dict[str, Any]:
    """The record of a problem's evaluation.

    Args:
        task: the problem.
        totals: of `sum_scores`, over the whole split.
        step: the model's training step.
        split: its name.

    Returns:
        what `metrics.jsonl` keeps: losses in nats a target token, accuracies from 0 to 1.
    """
    sums = dict(zip(SUMS, totals.tolist(), strict=True))
    count = max(sums["targets"], 1.0)
    record = {
        "step": step,
        "problem": task.name,
        "split": split,
        "examples": round(sums["examples"]),
        "target_tokens": round(sums["targets"]),
        "loss": sums["nll"] / count,
        "log_perplexity": sums["nll"] / count,
        "token_accuracy": sums["correct"] / count,
        "sequence_accuracy": sums["sequences_correct"] / max(sums["sequences"], 1.0),
        "baseline_loss": sums["baseline_nll"] / count,
        "baseline_accuracy": sums["baseline_correct"] / count,
    }
    return record | task.problem.targets.extra_scores(sums)


def with_ema(record: Mapping[str, Any], averaged: Mapping[str, Any]) -> dict[str, Any]:
    """A record that also has the scores of the averaged weights, as ``ema_NAME``.

    Args:
        record: of the weights.
        averaged: of their averages on the same examples.
    """
    scores = {name: value for name, value in averaged.items() if isinstance(value, float)}
    return {**record, **{f"ema_{name}": scores[name] for name in scores if not name.startswith("baseline_")}}
