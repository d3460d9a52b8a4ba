"""The weights that a checkpoint's files hold, by the names of the model's variables."""

from __future__ import annotations

import re

import numpy as np
import tensorflow as tf

from t2t_multimodel.errors import DamagedCheckpointError
from t2t_multimodel.runs import checkpoint_files as files

WEIGHTS, AVERAGES = "model", "averages"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


class StoredWeights:
    """Reads variables of a checkpoint one by one.

    Args:
        path: of the checkpoint, without an ending.
        part: ``"model"``, the weights, or ``"averages"``, their moving averages.

    Attributes:
        path: of the checkpoint.
        names: of the variables.
        shapes: of the variables, by name.

    Raises:
        DamagedCheckpointError: the file cannot be read.

    Example:
        stored = StoredWeights("runs/mini/ckpt-100")
        stored.read(stored.names[0])
    """

    def __init__(self, path: str, part: str = WEIGHTS):
        self.path = path
        try:
            self._reader = tf.train.load_checkpoint(path)
        except (tf.errors.OpError, ValueError) as error:
            raise self._damaged(error) from error
        shapes, begin = self._reader.get_variable_to_shape_map(), f"{part}/"
        self._keys = {
            _name_of(key[len(begin) : -len(_ENDING)]): key
            for key in shapes
            if key.startswith(begin) and key.endswith(_ENDING)
        }
        self.names = sorted(self._keys)
        self.shapes = {name: tuple(shapes[key]) for name, key in self._keys.items()}

    def read(self, name: str) -> np.ndarray:
        """The value of a variable.

        Raises:
            DamagedCheckpointError: it cannot be read.
        """
        try:
            return self._reader.get_tensor(self._keys[name])
        except (tf.errors.OpError, ValueError, IndexError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DamagedCheckpointError:
        return DamagedCheckpointError(
            f"{self.path} cannot be read ({files.first_line(error)}); give a trained run or its checkpoint"
        )


def _name_of(key: str) -> str:
    """The variable's name, whose dots and slashes checkpoints write as `..` and `.S`."""
    return re.sub(r"\.(\.|S)", lambda match: "/" if match[1] == "S" else ".", key)
