"""A linear map of the last axis as one matrix product."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import last_axis_product


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Dense(keras.layers.Layer):
    """Maps `[..., depth]` to `[..., units]` by one 2-D product, whatever the rank.

    Args:
        units: depth of the output.
        use_bias: adds a bias that starts at zero.
        kernel_initializer: initializer of the kernel `[depth, units]`.
        activation: name or function applied to the output, or None.

    Call arguments:
        x: `[..., depth]`.

    Returns:
        `[..., units]`.

    Example:

        y = Dense(3, use_bias=True)(tf.ones([2, 5, 8]))  # [2, 5, 3]
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = False,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        activation=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.activation = keras.activations.get(activation)
        self.bias = None

    def build(self, x_shape):
        """Creates the kernel `[depth, units]` and, if asked for, the bias."""
        self.kernel = self.add_weight(
            name="kernel", shape=(x_shape[-1], self.units), initializer=self.kernel_initializer
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = last_axis_product(x, self.kernel, self.bias)
        return self.activation(y) if self.activation is not None else y

    def compute_output_shape(self, x_shape):
        """`[..., depth]` to `[..., units]`."""
        return (*x_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "activation": keras.activations.serialize(self.activation),
        }
