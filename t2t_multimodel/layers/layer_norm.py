"""Layer normalization."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.layer_norm import layer_norm


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class LayerNorm(keras.layers.Layer):
    """Layer normalization over the last axis, with scale and bias.

    Args:
        epsilon: added to the variance; 1e-6 as in Tensor2Tensor.
        initial_scale: initial value of the scale.

    Call arguments:
        x: `[..., depth]`.

    Returns:
        A tensor shaped like `x`.

    Example:

        y = LayerNorm()(tf.random.normal([2, 5, 8]))  # mean 0 and variance 1 over the last axis

    Reference: Ba, Kiros, Hinton, "Layer Normalization", 2016.
    """

    def __init__(self, epsilon: float = 1e-6, initial_scale: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.initial_scale = epsilon, initial_scale

    def build(self, x_shape):
        """Creates `scale` (`initial_scale`) and `bias` (zeros), both `[depth]`."""
        start = keras.initializers.Constant(self.initial_scale)
        self.scale = self.add_weight(name="scale", shape=(x_shape[-1],), initializer=start)
        self.bias = self.add_weight(name="bias", shape=(x_shape[-1],), initializer="zeros")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return layer_norm(x, tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.bias), self.epsilon)

    def compute_output_shape(self, x_shape):
        """Shape of the input."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "epsilon": self.epsilon, "initial_scale": self.initial_scale}
