"""The paper's convolution step: ReLU, convolution, layer normalization."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.conv_step import StepWeights, conv_step
from t2t_multimodel.kernels.products import apply_mask
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.plain_conv_2d import PlainConv2D
from t2t_multimodel.layers.separable_conv import Cache, SeparableConv1D, SeparableConv2D


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvStep(ExplicitMaskLayer):
    """`LayerNorm(SeparableConv(ReLU(x)))` along time; padding is zeroed before the convolution.

    Args:
        filters: depth of the output.
        kernel_size: taps along time; odd with padding "same".
        dilation: distance in time between taps.
        padding: "same" or "causal".
        initial_scale: initial value of the normalization's scale.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None if nothing is padding.
        cache: of `init_cache`, or None; with it `x` holds new positions alone. For padding "causal".

    Returns:
        `[batch, time, filters]`, at padding finite but without a meaning; with a cache also the next cache.

    Example:

        step = ConvStep(6, kernel_size=3, dilation=2, padding="causal")
        x = tf.random.normal([2, 5, 4])
        y = step(x)  # [2, 5, 6]
        first, cache = step(x[:, :1], cache=step.init_cache(batch_size=2))  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.1.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation: int = 1,
        padding: str = "same",
        initial_scale: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.conv = SeparableConv1D(filters, kernel_size, dilation, padding, dtype=self.dtype_policy, name="conv")
        self.initial_scale = initial_scale
        self.norm = LayerNorm(initial_scale=initial_scale, dtype=self.dtype_policy, name="norm")

    def build(self, x_shape):
        """Builds convolution and normalization."""
        self.conv.build(x_shape)
        self.norm.build((*x_shape[:-1], self.filters))
        self.built = True

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """The last inputs after the ReLU, as `conv_cache` keeps them."""
        return self.conv.init_cache(batch_size)

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, cache: Cache | None = None):
        if cache is not None:
            y, cache = self.conv(apply_mask(tf.nn.relu(x), mask), cache=cache)
            return self.norm(y), cache
        weights = StepWeights(*map(tf.convert_to_tensor, self.step_weights))
        return conv_step(x, mask, weights, dilation=self.dilation, padding=self.padding, epsilon=self.norm.epsilon)

    @property
    def step_weights(self) -> StepWeights:
        """The variables that the kernel takes."""
        return StepWeights(self.conv.depthwise_kernel, self.conv.pointwise_kernel, self.norm.scale, self.norm.bias)

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
            "initial_scale": self.initial_scale,
        }


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvStep2D(keras.layers.Layer):
    """`LayerNorm(Conv(ReLU(x)))` of an image, with SAME padding.

    Args:
        filters: depth of the output.
        kernel_size: along height and width.
        strides: along height and width; they may differ.
        separable: depthwise separable, or a full convolution.
        relu: apply the ReLU first; False for a network's first convolution, whose input is an image.

    Call arguments:
        x: `[batch, height, width, depth]`.

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), filters]`.

    Example:

        y = ConvStep2D(6, strides=(2, 2))(tf.random.normal([2, 8, 5, 4]))  # [2, 4, 3, 6]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.1.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int] = (3, 3),
        strides: tuple[int, int] = (1, 1),
        separable: bool = True,
        relu: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.separable = separable
        self.relu = relu
        conv = SeparableConv2D if separable else PlainConv2D
        self.conv = conv(filters, self.kernel_size, self.strides, dtype=self.dtype_policy, name="conv")
        self.norm = LayerNorm(dtype=self.dtype_policy, name="norm")

    def build(self, x_shape):
        """Builds convolution and normalization."""
        self.conv.build(x_shape)
        self.norm.build((*x_shape[:-1], self.filters))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.norm(self.conv(tf.nn.relu(x) if self.relu else x))

    def compute_output_shape(self, x_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return self.conv.compute_output_shape(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "separable": self.separable,
            "relu": self.relu,
        }
