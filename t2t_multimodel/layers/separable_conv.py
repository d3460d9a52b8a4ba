"""Depthwise separable convolutions in one and two dimensions."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.depthwise import depthwise_conv_1d, depthwise_conv_1d_step, depthwise_conv_2d
from t2t_multimodel.kernels.products import apply_mask, last_axis_product
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer

Cache = dict[str, Any]


def check_padding(kernel_size: int, padding: str) -> None:
    """Checks the arguments of a convolution along time.

    Raises:
        ValueError: the padding is unknown, or "same" with an even kernel.
    """
    if padding not in ("same", "causal"):
        raise ValueError(f"padding {padding!r} is unknown; use 'same' or 'causal'")
    if padding == "same" and kernel_size % 2 == 0:
        raise ValueError(f"kernel size {kernel_size} is even; padding 'same' needs an odd one")


def conv_cache(
    batch_size: int | tf.Tensor, kernel_size: int, dilation: int, depth: int, padding: str, dtype: str
) -> Cache:
    """The cache of a causal convolution before its first input: its last inputs, which are zero.

    A dilated convolution sees every `dilation`-th input. They are kept in that many tensors, of which a step touches
    one; the others change their names alone.

    Returns:
        ``phase_0``, of the inputs that the next output sees, to ``phase_{dilation - 1}``, each
        `[batch, kernel_size - 1, depth]`.

    Raises:
        ValueError: the convolution is not causal.
    """
    if padding != "causal":
        raise ValueError(f"a convolution with padding {padding!r} sees later inputs; a cache needs padding 'causal'")
    return {f"phase_{i}": tf.zeros([batch_size, kernel_size - 1, depth], dtype) for i in range(dilation)}


def conv_steps(x: tf.Tensor, cache: Cache, kernel: tf.Tensor) -> tuple[tf.Tensor, Cache]:
    """A causal depthwise convolution at new positions.

    Args:
        x: new inputs, `[batch, new, depth]`.
        cache: of `conv_cache`; as many phases as the dilation.
        kernel: `[kernel_size, 1, depth, 1]`.

    Returns:
        `[batch, new, depth]` and the next cache.

    Example:

        cache = conv_cache(2, kernel_size=3, dilation=2, depth=4, padding="causal", dtype="float32")
        y, cache = conv_steps(tf.ones([2, 1, 4]), cache, tf.ones([3, 1, 4, 1]))
    """
    phases = [cache[f"phase_{i}"] for i in range(len(cache))]
    if x.shape[1] == 1:
        y, newest = depthwise_conv_1d_step(x, phases[0], kernel)
        phases = [*phases[1:], newest]
    else:
        before = tf.stack(phases, axis=2)  # in the order of time: [batch, kernel_size - 1, dilation, depth]
        split = before.shape
        before = tf.reshape(before, [-1, split[1] * split[2], split[3]])
        y, before = depthwise_conv_1d_step(x, before, kernel, len(phases))
        phases = tf.unstack(tf.reshape(before, [-1, *split[1:]]), axis=2)
        phases = [tf.ensure_shape(phase, cache["phase_0"].shape) for phase in phases]
    return y, {f"phase_{i}": phase for i, phase in enumerate(phases)}


def _depthwise_initializer(*kernel_size: int) -> keras.initializers.Initializer:
    # Each output sums over the taps of one channel only: this keeps the variance. Keras' rule for kernels would count
    # all channels.
    limit = math.sqrt(3.0 / math.prod(kernel_size))
    return keras.initializers.RandomUniform(-limit, limit)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class SeparableConv1D(ExplicitMaskLayer):
    """Depthwise convolution along time, then a pointwise product; no bias.

    Args:
        filters: depth of the output.
        kernel_size: taps along time; odd with padding "same".
        dilation: distance in time between taps.
        padding: "same" or "causal".

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None; padding is zeroed before the convolution.
        cache: of `init_cache`, or None; with it `x` holds new positions alone. For padding "causal".

    Returns:
        `[batch, time, filters]`; with a cache also the next cache.

    Example:

        conv = SeparableConv1D(6, kernel_size=3, padding="causal")
        x = tf.random.normal([2, 5, 4])
        y = conv(x)  # [2, 5, 6]
        first, cache = conv(x[:, :1], cache=conv.init_cache(batch_size=2))  # equals y[:, :1]

    Reference: Chollet, "Xception", 2017.
    """

    def __init__(self, filters: int, kernel_size: int, dilation: int = 1, padding: str = "same", **kwargs):
        super().__init__(**kwargs)
        check_padding(kernel_size, padding)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding

    def build(self, x_shape):
        """Creates `depthwise_kernel` `[kernel_size, 1, depth, 1]` and `pointwise_kernel` `[depth, filters]`."""
        depth = x_shape[-1]
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(self.kernel_size, 1, depth, 1),
            initializer=_depthwise_initializer(self.kernel_size),
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(depth, self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """The last inputs, as `conv_cache` keeps them; the layer must be built."""
        depth = self.depthwise_kernel.shape[2]
        return conv_cache(batch_size, self.kernel_size, self.dilation, depth, self.padding, self.compute_dtype)

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, cache: Cache | None = None):
        x, kernel = apply_mask(x, mask), tf.convert_to_tensor(self.depthwise_kernel)
        if cache is None:
            return last_axis_product(depthwise_conv_1d(x, kernel, self.dilation, self.padding), self.pointwise_kernel)
        y, cache = conv_steps(x, cache, kernel)
        return last_axis_product(y, self.pointwise_kernel), cache

    def compute_output_shape(self, x_shape, cache_shape=None):
        """`[batch, time, filters]`; with a cache also its shape."""
        shape = (*x_shape[:-1], self.filters)
        return shape if cache_shape is None else (shape, cache_shape)

    def get_config(self) -> dict[str, Any]:
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

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), filters]`.

    Example:

        y = SeparableConv2D(6, strides=(2, 1))(tf.ones([2, 8, 5, 4]))  # [2, 4, 5, 6]

    Reference: Chollet, "Xception", 2017.
    """

    def __init__(
        self, filters: int, kernel_size: tuple[int, int] = (3, 3), strides: tuple[int, int] = (1, 1), **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)

    def build(self, x_shape):
        """Creates `depthwise_kernel` `[height, width, depth, 1]` and `pointwise_kernel` `[depth, filters]`."""
        depth = x_shape[-1]
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, depth, 1),
            initializer=_depthwise_initializer(*self.kernel_size),
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=(depth, self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = depthwise_conv_2d(x, tf.convert_to_tensor(self.depthwise_kernel), self.strides)
        return last_axis_product(y, self.pointwise_kernel)

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


def strided_size(size: tuple[int | None, ...], strides: tuple[int, ...]) -> tuple[int | None, ...]:
    """Static size of an image after SAME padding and `strides`; None stays None."""
    return tuple(None if length is None else -(-length // stride) for length, stride in zip(size, strides))
