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


def restore_rounded_weights(output_dir: str | os.PathLike, variables: Mapping[str, tf.Variable]) -> int:
    """Assigns the weights of a folder to variables; returns their training step.

    Args:
        output_dir: the folder.
        variables: the model's variables by name.

    Raises:
        CheckpointError: the file is damaged, or does not fit the variables.
    """
    path = storage.at(output_dir) / FILE
    try:
        with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as stored:
            step, arrays = int(stored[_STEP]), {name: stored[name] for name in stored.files if name != _STEP}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise DamagedCheckpointError(f"{path} is damaged ({error}); restore the file") from error
    for name, variable in variables.items():
        if name not in arrays or arrays[name].shape != tuple(variable.shape):
            raise CheckpointError(
                f"{path} does not fit this model ({name} differs); restore the model.json that belongs to it"
            )
        if not np.isfinite(arrays[name]).all():
            raise DamagedCheckpointError(f"{path} has weights that are not finite ({name}); restore the file")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype.as_numpy_dtype))
    return step


def _rounded(name: str, value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        rounded = value.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise CheckpointError(f"{name} has a value that 16 bits cannot hold; share the checkpoint itself")
    return rounded
