"""A full convolution of an image."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import last_axis_product
from t2t_multimodel.layers.separable_conv import strided_size


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlainConv2D(keras.layers.Layer):
    """A full (not separable) convolution of an image with SAME padding and no bias.

    Args:
        filters: depth of the output.
        kernel_size: along height and width.
        strides: along height and width; they may differ.

    Call arguments:
        x: `[batch, height, width, depth]`.

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), filters]`.

    Example:

        y = PlainConv2D(6, strides=(2, 2))(tf.ones([2, 8, 5, 3]))  # [2, 4, 3, 6]
    """

    def __init__(
        self, filters: int, kernel_size: tuple[int, int] = (3, 3), strides: tuple[int, int] = (1, 1), **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)

    def build(self, x_shape):
        """Creates the kernel `[height, width, depth, filters]`."""
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, x_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.kernel)
        if self.kernel_size == (1, 1):
            return last_axis_product(x[:, :: self.strides[0], :: self.strides[1]], kernel[0, 0])
        return tf.nn.conv2d(x, kernel, strides=self.strides, padding="SAME")

    def compute_output_shape(self, x_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return (x_shape[0], *strided_size(x_shape[1:3], self.strides), self.filters)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
        }
