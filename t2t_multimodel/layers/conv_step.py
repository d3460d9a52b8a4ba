"""The paper's convolution step: ReLU, convolution, layer normalisation."""

from __future__ import annotations

import keras
import tensorflow as tf

from t2t_multimodel.kernels.conv_step import FusedConvStep, StepWeights, TimeGrid, conv_step_rows
from t2t_multimodel.kernels.products import apply_mask, last_axis_product, mask_rows, reshape_like
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.separable_conv import SeparableConv1D, SeparableConv2D, strided_size


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvStep(ExplicitMaskLayer):
    """`LayerNorm(SeparableConv(ReLU(x)))` along time; padding is zeroed before the convolution.

    Args:
        filters: depth of the output.
        kernel_size: taps along time.
        dilation: distance in time between taps.
        padding: "same" or "causal".
        initial_scale: what the normalisation's scale starts at.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None if nothing is padding.

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

    def build(self, input_shape):
        """Builds convolution and normalisation."""
        self.conv.build(input_shape)
        self.norm.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, x, mask=None):
        """Returns `[batch, time, filters]`; at padding the values are finite but mean nothing."""
        if not self.can_fuse:
            return self.norm(self.conv(apply_mask(tf.nn.relu(x), mask)))
        step = FusedConvStep(TimeGrid(x), mask_rows(mask, x.dtype), self.dilation, self.padding, self.norm.epsilon)
        weights = StepWeights(*(tf.convert_to_tensor(weight) for weight in self.fused_weights))
        rows = conv_step_rows(step, tf.reshape(x, [-1, x.shape[-1]]), weights)
        return reshape_like(rows, x)

    @property
    def can_fuse(self) -> bool:
        """Whether `conv_step_rows` may be used: in full precision, where the normalisation needs no casts."""
        return self.compute_dtype == "float32" and self.kernel_size > 1

    @property
    def fused_weights(self) -> tuple:
        """The four `StepWeights`."""
        return self.conv.depthwise_kernel, self.conv.pointwise_kernel, self.norm.scale, self.norm.bias

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
            "initial_scale": self.initial_scale,
        }


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlainConv2D(keras.layers.Layer):
    """A full (not separable) convolution of an image with SAME padding and no bias.

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
        """Creates the kernel `[height, width, depth, filters]`."""
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        kernel = tf.convert_to_tensor(self.kernel)
        if self.kernel_size == (1, 1):
            return last_axis_product(x[:, :: self.strides[0], :: self.strides[1]], kernel[0, 0])
        return tf.nn.conv2d(x, kernel, strides=self.strides, padding="SAME")

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

    def build(self, input_shape):
        """Builds convolution and normalisation."""
        self.conv.build(input_shape)
        self.norm.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, x):
        """Returns `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return self.norm(self.conv(tf.nn.relu(x) if self.relu else x))

    def compute_output_shape(self, input_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "separable": self.separable,
            "relu": self.relu,
        }
