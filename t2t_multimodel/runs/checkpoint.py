"""Checkpoints by variable name: weights, optimizer slots and the state of the loop, written atomically."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from t2t_multimodel.errors import CheckpointError

_PREFIX = "ckpt"


def newest_checkpoint(output_dir: str | pathlib.Path) -> str:
    """Path of the newest checkpoint of a run.

    Raises:
        CheckpointError: there is none.
    """
    path = tf.train.latest_checkpoint(str(output_dir))
    if path is None:
        raise CheckpointError(f"no checkpoint in {output_dir}; run t2t-trainer first")
    return path


class Checkpointer:
    """Saves and restores a run.

    Args:
        output_dir: folder of the checkpoints.
        model: the model's variables by name.
        optimizer: the optimizer's variables by name, or None to read weights alone.
        keep: how many checkpoints are kept.

    Example:
        checkpointer = Checkpointer("runs/mini", model=model.named_variables())
        step = checkpointer.restore()["step"]
    """

    def __init__(
        self,
        output_dir: str | pathlib.Path,
        *,
        model: Mapping[str, tf.Variable],
        optimizer: Mapping[str, tf.Variable] | None = None,
        keep: int = 20,
    ):
        self._output_dir = pathlib.Path(output_dir)
        self._state = tf.Variable("{}", dtype=tf.string, trainable=False, name="loop_state")
        parts = {"model": dict(model), "loop_state": self._state}
        if optimizer is not None:
            parts["optimizer"] = dict(optimizer)
        self._partial = optimizer is None
        self._checkpoint = tf.train.Checkpoint(**parts)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(self._output_dir), max_to_keep=keep, checkpoint_name=_PREFIX
        )

    @property
    def latest(self) -> str | None:
        """Path of the newest checkpoint, or None."""
        return self._manager.latest_checkpoint

    def save(self, step: int, state: Mapping[str, Any]) -> str:
        """Writes a checkpoint with the loop's `state` (JSON values); returns its path."""
        self._state.assign(json.dumps({**state, "step": step}))
        return self._manager.save(checkpoint_number=step)

    def restore(self, path: str | None = None) -> dict[str, Any]:
        """Restores `path`, or the newest checkpoint.

        Returns:
            the loop's state, with ``step``.

        Raises:
            CheckpointError: none exists, or it does not fit the variables.
        """
        path = path or newest_checkpoint(self._output_dir)
        try:
            status = self._checkpoint.restore(path)
            status.assert_existing_objects_matched()
            if self._partial:
                status.expect_partial()
            return json.loads(self._state.numpy())
        except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise CheckpointError(
                f"checkpoint {path} does not fit this model ({reason});"
                " give the hparams and problems it was trained with, or a new --output_dir"
            ) from error
