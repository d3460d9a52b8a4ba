"""A variable `[experts, ...]` whose rows lie on several devices; checkpoints keep it as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from t2t_multimodel.mesh.layout import MeshLayout


class ShardedVariable(tf.__internal__.tracking.Trackable):
    """One variable `[experts, ...]` of a mesh: each device holds the rows of its experts.

    A checkpoint has it under the key and with the values of a whole variable, so that it can be restored to one, or to
    another mesh.

    Args:
        layout: the mesh.
        shards: the variables of its devices, `[its experts, ...]`.

    Attributes:
        path: name in the model.
        shape: of the whole.
        dtype: of the values.

    Example:

        layout = MeshLayout(1, 2, ("CPU:0", "CPU:0"))
        whole = ShardedVariable(layout, [tf.Variable([[1.0]]), tf.Variable([[2.0]])])
        whole.numpy()  # [[1.0], [2.0]]
    """

    def __init__(self, layout: MeshLayout, shards: Sequence[tf.Variable | keras.Variable]):
        self.layout, self._shards = layout, list(shards)
        first = self._shards[0]
        self.path = getattr(first, "path", first.name)
        self.shape = tf.TensorShape([first.shape[0] * layout.experts, *first.shape[1:]])
        self.dtype = tf.as_dtype(first.dtype)

    @property
    def shards(self) -> list[tf.Variable]:
        """The variable of each device."""
        return [shard.value if isinstance(shard, keras.Variable) else shard for shard in self._shards]

    @property
    def distinct(self) -> list[tf.Variable]:
        """The shards that make up the whole; the others are copies of them."""
        return self.shards[: self.layout.experts]

    def zeros(self) -> ShardedVariable:
        """A variable of zeros laid out like this one, as an optimizer keeps."""
        shards = []
        for device, shard in zip(self.layout.devices, self.shards):
            with tf.device(device):
                shards.append(tf.Variable(tf.zeros(shard.shape, shard.dtype), trainable=False))
        return ShardedVariable(self.layout, shards)

    def assign(self, value: tf.Tensor | np.ndarray) -> None:
        """Sets the whole, `[experts, ...]`."""
        for number, shard in enumerate(self.shards):
            with tf.device("CPU:0"):
                rows = tf.convert_to_tensor(value[self.layout.share(number, self.shape[0])])
            shard.assign(rows)

    def numpy(self) -> np.ndarray:
        """The whole, `[experts, ...]`."""
        return np.concatenate([shard.numpy() for shard in self.distinct])

    def __tf_tensor__(self, dtype: tf.DType | None = None, name: str | None = None) -> tf.Tensor:
        del name
        with tf.device("CPU:0"):
            whole = tf.concat([shard.read_value() for shard in self.distinct], 0)
            return whole if dtype is None else tf.cast(whole, dtype)

    # TensorFlow's checkpoints call these two; the key is that of a tf.Variable.
    def _serialize_to_tensors(self) -> dict[str, tf.Tensor]:
        return {"VARIABLE_VALUE": tf.convert_to_tensor(self)}

    def _restore_from_tensors(self, restored_tensors: Mapping[str, tf.Tensor]) -> None:
        self.assign(restored_tensors["VARIABLE_VALUE"])


def parts_of(variable: tf.Variable | ShardedVariable) -> list[tf.Variable]:
    """The variables on devices that a variable consists of: its shards, or itself.

    Example:

        parts_of(tf.Variable(1.0))  # a list of one
    """
    return variable.shards if isinstance(variable, ShardedVariable) else [variable]
