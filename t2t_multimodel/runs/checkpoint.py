"""Checkpoints by variable name: weights, optimizer slots and the state of the loop."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import CheckpointError, DamagedCheckpointError
from t2t_multimodel.mesh.sharded import ShardedVariable, parts_of
from t2t_multimodel.runs import checkpoint_files as files
from t2t_multimodel.runs.selection.best import read_best
from t2t_multimodel.runs.stored_weights import AVERAGES, WEIGHTS, StoredWeights

Result = TypeVar("Result")


def newest_checkpoint(output_dir: str | os.PathLike) -> str:
    """Path of the newest whole checkpoint of a run, found from the files themselves; damaged ones are named on stderr.

    Raises:
        CheckpointError: there is none.
    """
    return _newest(output_dir, lambda path: path)


def has_checkpoints(output_dir: str | os.PathLike) -> bool:
    """Whether anything was saved in the folder, whole or not."""
    return bool(files.steps(output_dir)) or files.named_step(output_dir) is not None


def require_checkpoints(output_dir: str | os.PathLike) -> None:
    """Raises a CheckpointError where nothing was saved in the folder."""
    if not has_checkpoints(output_dir):
        raise CheckpointError(f"no checkpoint in {output_dir}; run t2t-trainer first")


def _newest(output_dir: str | os.PathLike, read: Callable[[str], Result]) -> Result:
    """What `read` gives for the newest checkpoint that is whole and that it does not find damaged."""
    require_checkpoints(output_dir)
    faults = []
    steps, named = files.steps(output_dir), files.named_step(output_dir)
    if named is not None and named > max(steps, default=-1):
        faults.append(f"{files.path_of(output_dir, named)}, which the file checkpoint names, is gone")
    for step in reversed(steps):
        path = files.path_of(output_dir, step)
        if reason := files.fault(path):
            faults.append(f"{path} is damaged ({reason})")
            continue
        try:
            result = read(path)
        except DamagedCheckpointError as error:
            faults.append(str(error).partition(";")[0])
            continue
        for line in faults:
            print_warning(f"{line}; {storage.at(path).name} is used")
        return result
    raise CheckpointError(
        f"{faults[0]}, and no older checkpoint is whole; restore its files, or train into a new --output_dir"
    )


class Checkpointer:
    """Saves and restores a run.

    Args:
        output_dir: folder of the checkpoints.
        model: the model's variables by name.
        optimizer: the optimizer's variables by name, or None to read weights alone.
        averages: moving averages of weights by the weights' names; they start from the weights where a checkpoint
            has none.
        averaged: reads the averages of a checkpoint into the model's variables; those that have none keep the weights.
        keep: how many checkpoints are kept.

    Attributes:
        latest: path of the checkpoint that was saved or restored last, or None.

    Example:
        checkpointer = Checkpointer("runs/mini", model=model.named_variables())
        step = checkpointer.restore()["step"]
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        *,
        model: Mapping[str, tf.Variable | ShardedVariable],
        optimizer: Mapping[str, tf.Variable | ShardedVariable] | None = None,
        averages: Mapping[str, tf.Variable | ShardedVariable] | None = None,
        averaged: bool = False,
        keep: int = 20,
    ):
        self._output_dir, self._keep = storage.at(output_dir), keep
        self._averages, self._averaged = dict(averages or {}), averaged
        self._model, self._optimizer = dict(model), dict(optimizer or {})
        self._state = tf.Variable("{}", dtype=tf.string, trainable=False, name="loop_state")
        self._parts = {WEIGHTS: self._model, "loop_state": self._state}
        if optimizer is not None:
            self._parts["optimizer"] = self._optimizer
        if averages:
            self._parts[AVERAGES] = self._averages
        self._checkpoint = tf.train.Checkpoint(**self._parts)
        self.latest: str | None = None

    def save(self, step: int, state: Mapping[str, Any]) -> str:
        """Writes a checkpoint with the loop's `state` (JSON values); returns its path.

        It counts once it is whole; then those beyond `keep` are removed.

        Raises:
            CheckpointError: weights or moments are not finite, or the files cannot be written. All earlier checkpoints
                stay.
        """
        if wrong := self.not_finite():
            raise CheckpointError(f"step {step} is not saved: {wrong[0]} is not finite; lower optimizer.learning_rate")
        path = files.path_of(self._output_dir, step)
        self._state.assign(json.dumps({**state, "step": step}, allow_nan=False))
        try:
            with files.saving(path):
                self._checkpoint.write(path)
        except (OSError, tf.errors.OpError) as error:
            with contextlib.suppress(OSError):
                files.clear_leftovers(self._output_dir)
            raise CheckpointError(
                f"step {step} could not be saved in {self._output_dir} ({files.first_line(error)}); free space or give"
                " the folder back its permissions, and run again"
            ) from error
        self.latest = path
        self._rotate(step)
        return path

    def restore(self, path: str | None = None) -> dict[str, Any]:
        """Restores `path`, or the newest checkpoint that is whole and whose weights are finite.

        Args:
            path: a checkpoint, one of its files, or a folder whose newest one is taken; `output_dir` by default.

        Returns:
            the loop's state, with ``step``.

        Raises:
            CheckpointError: none exists, is whole and finite, or it does not fit the variables.
        """
        if path is None or storage.at(path).is_dir():
            return _newest(path or self._output_dir, self._read)
        return self._read(files.resolve(path))

    def not_finite(self) -> list[str]:
        """Names of variables with a value that is not finite."""
        variables = {**self._model, **self._optimizer}
        floats = {name: value for name, value in variables.items() if value.dtype.is_floating}
        finite = _all_finite(list(floats.values())).numpy()
        return [name for name, good in zip(floats, finite) if not good]

    def _read(self, path: str) -> dict[str, Any]:
        averages = StoredWeights(path, AVERAGES).names if self._averages or self._averaged else ()
        checkpoint = self._checkpoint_for(path, averages)
        try:
            status = checkpoint.read(path)
            status.assert_existing_objects_matched()
            status.expect_partial()
            state = json.loads(self._state.numpy())
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError, tf.errors.NotFoundError) as error:
            storage.check_store(path)
            raise DamagedCheckpointError(
                f"checkpoint {path} is damaged ({files.first_line(error)}); restore its files or give another one"
            ) from error
        except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
            storage.check_store(path)
            raise CheckpointError(
                f"checkpoint {path} does not fit this model ({files.first_line(error)});"
                " give the hparams and problems it was trained with, or a new --output_dir"
            ) from error
        if wrong := self.not_finite():
            raise DamagedCheckpointError(
                f"checkpoint {path} has weights that are not finite ({wrong[0]}); give --checkpoint_path an older one"
            )
        if not averages:
            for name, average in self._averages.items():
                average.assign(tf.convert_to_tensor(self._model[name]))
        self.latest = path
        return state

    def _checkpoint_for(self, path: str, averages: Collection[str]) -> tf.train.Checkpoint:
        """The objects that a checkpoint is read into.

        Args:
            path: of the checkpoint.
            averages: names of those that it has.
        """
        if self._averaged:
            if not averages:
                raise CheckpointError(
                    f"{path} has no averages of weights; give checkpoint_path=latest, or train with optimizer.ema_decay"
                )
            weights = {name: variable for name, variable in self._model.items() if name not in averages}
            averaged = {name: variable for name, variable in self._model.items() if name in averages}
            return tf.train.Checkpoint(**{**self._parts, WEIGHTS: weights, AVERAGES: averaged})
        if self._averages and not averages:
            return tf.train.Checkpoint(**{name: part for name, part in self._parts.items() if name != AVERAGES})
        return self._checkpoint

    def _rotate(self, step: int) -> None:
        """Removes the oldest checkpoints but the best; what fails is tried again after the next save."""
        steps, best = files.steps(self._output_dir), read_best(self._output_dir)
        newest = [number for number in steps if number <= step][-self._keep :]
        kept = [number for number in steps if number in newest or (best is not None and number == best.step)]
        try:
            for number in steps:
                if number < newest[0] and number not in kept:
                    files.remove(files.path_of(self._output_dir, number))
            files.name_newest(self._output_dir, kept)
        except OSError as error:
            print_warning(f"older checkpoints of {self._output_dir} are not cleared ({files.first_line(error)})")


def _all_finite(variables: list[tf.Variable | ShardedVariable]) -> tf.Tensor:
    """Whether all values of each variable are finite, `[variables]`."""
    return tf.stack([tf.reduce_all([_is_finite(part) for part in parts_of(variable)]) for variable in variables])


def _is_finite(variable: tf.Variable) -> tf.Tensor:
    with tf.device(variable.device):
        return tf.math.is_finite(tf.reduce_sum(variable * 0.0))
