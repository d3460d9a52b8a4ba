"""The average of several checkpoints of a run, as a checkpoint of weights alone in the folder `average` of the run."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.runs import checkpoint_files as files
from t2t_multimodel.runs.checkpoint import Checkpointer, has_checkpoints, newest_checkpoint, require_checkpoints
from t2t_multimodel.runs.metrics_log import is_of_training, read_records
from t2t_multimodel.runs.selection.best import read_best
from t2t_multimodel.runs.selection.chosen_metric import RELATIVE_LOSS, ChosenMetric, mean, scores_of
from t2t_multimodel.runs.stored_weights import StoredWeights

FOLDER = "average"


@dataclasses.dataclass(frozen=True)
class Average:
    """A checkpoint that was written.

    Attributes:
        path: of the checkpoint; its step is the last one of `steps`.
        steps: of the checkpoints that were averaged, rising.
    """

    path: str
    steps: list[int]


def average_checkpoints(output_dir: str | os.PathLike, n: int, *, best: bool = False, metric: str = "") -> Average:
    """Writes the mean of the weights of n checkpoints; one that was written before is replaced.

    Args:
        output_dir: the run folder.
        n: how many checkpoints; where there are fewer, all are taken.
        best: takes the n best by `metric` in the place of the n newest.
        metric: ``SCORE`` or ``PROBLEM/SCORE`` of the evaluations in `metrics.jsonl`; by default that of `best.json`, or
            the relative loss.

    Raises:
        CheckpointError: no checkpoint is whole or was evaluated, or their weights differ in names or shapes.

    Example:
        average_checkpoints("runs/mini", 8).steps
    """
    require_checkpoints(output_dir)
    whole = [step for step in files.steps(output_dir) if files.fault(files.path_of(output_dir, step)) is None]
    steps = sorted((_best_steps(output_dir, whole, metric) if best else whole[::-1])[:n])
    if not steps:
        raise CheckpointError(f"no checkpoint of {output_dir} is whole; restore its files, or train on")
    variables = _mean([StoredWeights(files.path_of(output_dir, step)) for step in steps])
    folder = storage.at(output_dir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = Checkpointer(folder, model=variables).save(steps[-1], {"averaged": steps})
    for step in files.steps(folder):
        if step != steps[-1]:
            files.remove(files.path_of(folder, step))
    return Average(path, steps)


def average_checkpoint(output_dir: str | os.PathLike) -> str:
    """Path of the averaged checkpoint of a run.

    Raises:
        CheckpointError: there is none.
    """
    folder = storage.at(output_dir) / FOLDER
    if not has_checkpoints(folder):
        raise CheckpointError(
            f"{output_dir} has no averaged checkpoint; run t2t-avg-all --output_dir={output_dir}, or give"
            " checkpoint_path=latest"
        )
    return newest_checkpoint(folder)


def _best_steps(output_dir: str | os.PathLike, whole: Sequence[int], name: str) -> list[int]:
    """Those of `whole` that were evaluated, the best first; equal ones the later first."""
    noted = read_best(output_dir)
    metric = ChosenMetric(name or (noted.metric if noted else RELATIVE_LOSS))
    records = [record for record in read_records(output_dir) if is_of_training(record)]
    found: dict[int, dict[str, float]] = {step: {} for step in whole}
    for record in records:
        if record["step"] in found:
            found[record["step"]] = {**metric.by_problem([record]), **found[record["step"]]}
    values = {step: mean(values) for step, values in found.items() if values and math.isfinite(mean(values))}
    if not values:
        scores = dict.fromkeys(score for record in records for score in scores_of(record))
        raise CheckpointError(
            f"no checkpoint of {output_dir} was evaluated by {metric.name!r}; give --metric as SCORE or PROBLEM/SCORE"
            f" of {', '.join(scores) or 'an evaluation'}, or leave out --best"
        )
    return sorted(values, key=lambda step: (values[step] if metric.falls else -values[step], -step))


def _mean(weights: Sequence[StoredWeights]) -> dict[str, tf.Variable]:
    """The mean of each variable, summed in float64."""
    first, *others = weights
    for other in others:
        if different := [
            name for name in first.shapes | other.shapes if first.shapes.get(name) != other.shapes.get(name)
        ]:
            raise CheckpointError(
                f"{other.path} and {first.path} have other variables ({different[0]}); average checkpoints of one"
                " model, with a smaller --n"
            )
    return {name: _mean_of([one.read(name) for one in weights]) for name in first.names}


def _mean_of(values: Sequence[np.ndarray]) -> tf.Variable:
    total = np.sum(values, axis=0, dtype=np.float64) / len(values)
    return tf.Variable(total.astype(values[0].dtype), trainable=False)
