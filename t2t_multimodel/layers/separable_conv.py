"""Depthwise separable convolutions in one and two dimensions."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import last_axis_product


def depthwise_conv_1d(x: tf.Tensor, kernel: tf.Tensor, dilation: int = 1, padding: str = "same") -> tf.Tensor:
    """Convolves each channel along time with its own kernel.

    A dilated convolution over `[batch, time, depth]` is an undilated one over `[batch, time / dilation, dilation,
    depth]`, which is the same memory: no transposition into the batch is needed as in `tf.nn.depthwise_conv2d`.

    Args:
        x: `[batch, time, depth]`.
        kernel: `[width, 1, depth, 1]`; the width is odd with padding "same".
        dilation: distance in time between the kernel's taps.
        padding: "same" (centred, zeros on both sides) or "causal" (output t sees inputs <= t).

    Returns:
        `[batch, time, depth]`.
    """
    width, depth = kernel.shape[0], kernel.shape[2]
    time = tf.shape(x)[1]
    if dilation > 1:
        x = tf.pad(x, [[0, 0], [0, -time % dilation], [0, 0]])
    image = tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] // dilation, dilation, depth])
    before = width - 1 if padding == "causal" else (width - 1) // 2
    after = width - 1 - before
    spec = "SAME" if before == after else [[0, 0], [before, after], [0, 0], [0, 0]]
    image = tf.nn.depthwise_conv2d(image, kernel, strides=[1, 1, 1, 1], padding=spec)
    y = tf.reshape(image, tf.shape(x))
    if dilation > 1:
        y = tf.slice(y, [0, 0, 0], [-1, time, -1])
    return y


def depthwise_conv_2d(x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int] = (1, 1)) -> tf.Tensor:
    """Convolves each channel of an image with its own kernel, padded like TensorFlow's SAME.

    TensorFlow's op has equal strides only. For unequal ones it runs with the smaller stride along both axes, padded
    as the strided axis wants it, and the rest of the stride is taken by picking rows and columns.

    Args:
        x: `[batch, height, width, depth]`.
        kernel: `[kernel_height, kernel_width, depth, 1]`.
        strides: along height and width.

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), depth]`.
    """
    if strides[0] == strides[1]:
        return tf.nn.depthwise_conv2d(x, kernel, strides=[1, *strides, 1], padding="SAME")
    common = math.gcd(*strides)
    pads = [_same_pads(tf.shape(x)[axis + 1], kernel.shape[axis], strides[axis]) for axis in (0, 1)]
    x = tf.pad(x, [[0, 0], *pads, [0, 0]])
    y = tf.nn.depthwise_conv2d(x, kernel, strides=[1, common, common, 1], padding="VALID")
    return y[:, :: strides[0] // common, :: strides[1] // common]


def _same_pads(size: tf.Tensor, kernel: int, stride: int) -> list[tf.Tensor]:
    """Zeros before and after an axis with which a VALID convolution equals TensorFlow's SAME."""
    total = tf.maximum((-(-size // stride) - 1) * stride + kernel - size, 0)
    return [total // 2, total - total // 2]


def _depthwise_initializer(*kernel_size: int) -> keras.initializers.Initializer:
    # Each output sums over the taps of one channel only: this keeps the variance, where Keras' rule for kernels
    # would count all channels.
    limit = math.sqrt(3.0 / math.prod(kernel_size))
    return keras.initializers.RandomUniform(-limit, limit)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class SeparableConv1D(keras.layers.Layer):
    """Depthwise convolution along time, then a pointwise product; no bias.

    Args:
        filters: depth of the output.
        kernel_size: taps along time; odd with padding "same".
        dilation: distance in time between taps.
        padding: "same" or "causal".

    Call arguments:
        x: `[batch, time, depth]`.
    """

    def __init__(self, filters: int, kernel_size: int, dilation: int = 1, padding: str = "same", **kwargs):
        super().__init__(**kwargs)
        if padding not in ("same", "causal"):
            raise ValueError(f"padding {padding!r} is unknown; use 'same' or 'causal'")
        if padding == "same" and kernel_size % 2 == 0:
            raise ValueError(f"kernel size {kernel_size} is even; padding 'same' needs an odd one")
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding

    def build(self, input_shape):
        """Creates `depthwise_kernel` `[kernel_size, 1, depth, 1]` and `pointwise_kernel` `[depth, filters]`."""
        depth = input_shape[-1]
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(self.kernel_size, 1, depth, 1),
            initializer=_depthwise_initializer(self.kernel_size),
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(depth, self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, time, filters]`."""
        y = x
        if self.kernel_size > 1:
            y = depthwise_conv_1d(x, tf.convert_to_tensor(self.depthwise_kernel), self.dilation, self.padding)
        else:
            y = x * tf.reshape(tf.convert_to_tensor(self.depthwise_kernel), [-1])
        return last_axis_product(y, self.pointwise_kernel)

    def compute_output_shape(self, input_shape):
        """`[batch, time, depth]` to `[batch, time, filters]`."""
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class SeparableConv2D(keras.layers.Layer):
    """Depthwise convolution of an image (SAME padding), then a pointwise product; no bias.

    Args:
        filters: depth of the output.
        kernel_size: along height and width.
        strides: along height and width; they may differ.

    Call arguments:
        x: `[batch, height, width, depth]`.
    """

    def __init__(
        self, filters: int, kernel_size: tuple[int, int] = (3, 3), strides: tuple[int, int] = (1, 1), **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)

    def build(self, input_shape):
        """Creates `depthwise_kernel` `[height, width, depth, 1]` and `pointwise_kernel` `[depth, filters]`."""
        depth = input_shape[-1]
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, depth, 1),
            initializer=_depthwise_initializer(*self.kernel_size),
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(depth, self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        y = depthwise_conv_2d(x, tf.convert_to_tensor(self.depthwise_kernel), self.strides)
        return last_axis_product(y, self.pointwise_kernel)

    def compute_output_shape(self, input_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return (input_shape[0], *strided_size(input_shape[1:3], self.strides), self.filters)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
        }


def strided_size(size: tuple[int | None, ...], strides: tuple[int, ...]) -> tuple[int | None, ...]:
    """Static size of an image after SAME padding and `strides`; None stays None."""
    return tuple(None if length is None else -(-length // stride) for length, stride in zip(size, strides))
