"""A feed-forward layer that sees its neighbours: the pre-normalized form of a separable convolution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.depthwise import depthwise_conv_1d
from t2t_multimodel.kernels.precision import as_factor
from t2t_multimodel.kernels.products import apply_mask, last_axis_product
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.separable_conv import Cache, check_padding, conv_cache, conv_steps


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvFeedForward(ExplicitMaskLayer):
    """`ReLU(DepthwiseConv(x) W1) W2`: a depthwise convolution, then a wide and a narrow pointwise product; no biases.

    The convolution starts as the identity (its tap at the position itself is 1, the others are small), so that the
    layer starts as a plain feed-forward one.

    Args:
        filters: depth of input and output.
        hidden: width of the hidden layer.
        kernel_size: taps along time; odd with padding "same".
        padding: "same" or "causal".

    Call arguments:
        x: `[batch, time, filters]`.
        mask: `[batch, time]`, True or 1 where real, or None; padding is zeroed before the convolution.
        cache: of `init_cache`, or None; with it `x` holds new positions alone. For padding "causal".

    Returns:
        `[batch, time, filters]`; with a cache also the next cache.

    Example:

        layer = ConvFeedForward(8, hidden=32, kernel_size=3, padding="causal")
        x = tf.random.normal([2, 5, 8])
        y = layer(x)  # [2, 5, 8]
        first, cache = layer(x[:, :1], cache=layer.init_cache(batch_size=2))  # equals y[:, :1]

    Reference: Vaswani et al., "Attention Is All You Need", 2017, section 3.3, with a depthwise convolution in front.
    """

    def __init__(self, filters: int, hidden: int, kernel_size: int = 5, padding: str = "same", **kwargs):
        super().__init__(**kwargs)
        check_padding(kernel_size, padding)
        self.filters, self.hidden, self.kernel_size, self.padding = filters, hidden, kernel_size, padding

    def build(self, x_shape):
        """Creates `depthwise_kernel` `[taps, 1, filters, 1]`, `wide_kernel` and `narrow_kernel`."""
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel", shape=(self.kernel_size, 1, self.filters, 1), initializer=self._near_identity
        )
        self.wide_kernel = self.add_weight(
            name="wide_kernel", shape=(self.filters, self.hidden), initializer="glorot_uniform"
        )
        self.narrow_kernel = self.add_weight(
            name="narrow_kernel", shape=(self.hidden, self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def _near_identity(self, shape, dtype=None):
        here = self.kernel_size - 1 if self.padding == "causal" else self.kernel_size // 2
        centre = tf.one_hot(here, self.kernel_size, dtype=dtype or tf.float32)[:, None, None, None]
        return centre + keras.initializers.RandomNormal(0.0, 0.1)(shape, dtype=dtype)

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """``phase_0``: the last inputs, `[batch, kernel_size - 1, filters]`."""
        return conv_cache(batch_size, self.kernel_size, 1, self.filters, self.padding, self.compute_dtype)

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, cache: Cache | None = None):
        x, kernel = apply_mask(x, mask), tf.convert_to_tensor(self.depthwise_kernel)
        if cache is None:
            return self._feed_forward(depthwise_conv_1d(x, kernel, padding=self.padding))
        y, cache = conv_steps(x, cache, kernel)
        return self._feed_forward(y), cache

    def _feed_forward(self, x: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.relu(last_axis_product(as_factor(x), self.wide_kernel))
        return tf.cast(last_axis_product(hidden, self.narrow_kernel), x.dtype)

    def compute_output_shape(self, x_shape, cache_shape=None):
        """Shape of the input; with a cache also that of the cache."""
        return x_shape if cache_shape is None else (x_shape, cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
        }
