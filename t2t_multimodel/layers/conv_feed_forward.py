"""A feed-forward layer that sees its neighbours: the pre-normalised form of a separable convolution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import apply_mask, last_axis_product
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.separable_conv import depthwise_conv_1d


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvFeedForward(ExplicitMaskLayer):
    """`ReLU(DepthwiseConv(x) W1) W2`: one depthwise convolution, then a wide and a narrow pointwise product; no biases.

    Args:
        filters: depth of input and output.
        hidden: width of the hidden layer.
        kernel_size: taps along time; odd with padding "same".
        padding: "same" or "causal".

    Call arguments:
        x: `[batch, time, filters]`.
        mask: `[batch, time]`, True or 1 where real, or None; padding is zeroed before the convolution.

    The convolution starts as the identity (its tap at the position itself is 1, the others are small), so that the
    layer starts as a plain feed-forward one.
    """

    def __init__(self, filters: int, hidden: int, kernel_size: int = 5, padding: str = "same", **kwargs):
        super().__init__(**kwargs)
        if padding not in ("same", "causal"):
            raise ValueError(f"padding {padding!r} is unknown; use 'same' or 'causal'")
        if padding == "same" and kernel_size % 2 == 0:
            raise ValueError(f"kernel size {kernel_size} is even; padding 'same' needs an odd one")
        self.filters, self.hidden, self.kernel_size, self.padding = filters, hidden, kernel_size, padding

    def build(self, input_shape):
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

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Returns `[batch, time, filters]`."""
        kernel = tf.convert_to_tensor(self.depthwise_kernel)
        y = depthwise_conv_1d(apply_mask(x, mask), kernel, padding=self.padding)
        return last_axis_product(tf.nn.relu(last_axis_product(y, self.wide_kernel)), self.narrow_kernel)

    def compute_output_shape(self, input_shape):
        """Shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
        }
