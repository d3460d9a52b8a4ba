"""A run folder to give away: `weights.npz` in the place of checkpoints, weights alone, rounded to 16 bits."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.errors import CheckpointError, DamagedCheckpointError

FILE = "weights.npz"
_STEP = "step"


def has_rounded_weights(output_dir: str | os.PathLike) -> bool:
    """Whether the folder holds rounded weights."""
    return (storage.at(output_dir) / FILE).exists()


def save_rounded_weights(output_dir: str | os.PathLike, variables: Mapping[str, tf.Variable], step: int) -> None:
    """Writes weights as float16, atomically; equal weights give equal bytes.

    Args:
        output_dir: the folder.
        variables: the model's variables by name.
        step: their training step.

    Raises:
        CheckpointError: a weight is not finite, or too large for 16 bits.
    """
    arrays = {name: _rounded(name, variable.numpy()) for name, variable in variables.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_STEP: np.int64(step)}, **arrays)
    storage.write_atomically(storage.at(output_dir) / FILE, buffer.getvalue())


class RoundedWeights:
    """The weights that a folder holds, with the methods of `StoredWeights`.

    Args:
        output_dir: the folder.

    Attributes:
        path: of the file.
        step: training step of the weights.
        names: of the variables.
        shapes: of the variables, by name.

    Raises:
        DamagedCheckpointError: the file is damaged.
    """

    def __init__(self, output_dir: str | os.PathLike):
        self.path = str(storage.at(output_dir) / FILE)
        try:
            with storage.open_to_read(self.path) as file, np.load(file, allow_pickle=False) as stored:
                self.step = int(stored[_STEP])
                self._arrays = {name: stored[name] for name in stored.files if name != _STEP}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise DamagedCheckpointError(f"{self.path} is damaged ({error}); restore the file") from error
        self.names = sorted(self._arrays)
        self.shapes = {name: value.shape for name, value in self._arrays.items()}

    def read(self, name: str) -> np.ndarray:
        """The value of a variable, float32.

        Raises:
            DamagedCheckpointError: it is not finite.
        """
        value = self._arrays[name]
        if not np.isfinite(value).all():
            raise DamagedCheckpointError(f"{self.path} has weights that are not finite ({name}); restore the file")
        return value.astype(np.float32)


def restore_rounded_weights(output_dir: str | os.PathLike, variables: Mapping[str, tf.Variable]) -> int:
    """Assigns the weights of a folder to variables; returns their training step.

    Args:
        output_dir: the folder.
        variables: the model's variables by name.

    Raises:
        CheckpointError: the file is damaged, or does not fit the variables.
    """
    stored = RoundedWeights(output_dir)
    for name, variable in variables.items():
        if stored.shapes.get(name) != tuple(variable.shape):
            raise CheckpointError(
                f"{stored.path} does not fit this model ({name} differs); restore the model.json that belongs to it"
            )
    values = {name: stored.read(name) for name in variables}
    for name, variable in variables.items():
        variable.assign(values[name].astype(variable.dtype.as_numpy_dtype))
    return stored.step


def _rounded(name: str, value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        rounded = value.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise CheckpointError(f"{name} has a value that 16 bits cannot hold; share the checkpoint itself")
    return rounded
