"""The paper's convolution step, `LayerNorm(SeparableConv(ReLU(x)))`, in its plain and its fused form.

The fused form has a gradient written by hand. Automatic differentiation of the plain form makes about three times as
many operations and element-wise passes, which is what a step costs at small and middle depths, and keeps five tensors
of the input's size where the fused form keeps one.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose
from t2t_multimodel.kernels.depthwise import depthwise_conv_1d
from t2t_multimodel.kernels.layer_norm import layer_norm
from t2t_multimodel.kernels.precision import product_dtype
from t2t_multimodel.kernels.products import (
    apply_mask,
    last_axis_product,
    mask_rows,
    reshape_like,
    transposed_product,
)


class TimeGrid:
    """Turns rows `[batch * time, depth]` into the images that a depthwise convolution takes, and back.

    A convolution of dilation d over `[batch, time, depth]` is an undilated one over
    `[batch, time / d, d, depth]`, the same memory; time is padded to the next multiple of d.

    Args:
        x: `[batch, time, depth]`; only its shape is used.
    """

    def __init__(self, x: tf.Tensor):
        shape = tf.shape(x)
        self.batch = x.shape[0] if x.shape[0] is not None else shape[0]
        self.time = x.shape[1] if x.shape[1] is not None else shape[1]
        self._padding: dict[int, int | tf.Tensor] = {1: 0}

    def _extra(self, dilation: int) -> int | tf.Tensor:
        if dilation not in self._padding:
            self._padding[dilation] = -self.time % dilation
        return self._padding[dilation]

    def to_image(self, rows: tf.Tensor, dilation: int) -> tf.Tensor:
        """`[batch * time, depth]` to `[batch, ceil(time / dilation), dilation, depth]`."""
        depth, extra = rows.shape[-1], self._extra(dilation)
        if isinstance(extra, int) and extra == 0:
            return tf.reshape(rows, [self.batch, -1, dilation, depth])
        x = tf.reshape(rows, [self.batch, self.time, depth])
        x = tf.pad(x, [[0, 0], [0, extra], [0, 0]])
        return tf.reshape(x, [self.batch, -1, dilation, depth])

    def to_rows(self, image: tf.Tensor, dilation: int) -> tf.Tensor:
        """The inverse of `to_image`."""
        depth, extra = image.shape[-1], self._extra(dilation)
        if not (isinstance(extra, int) and extra == 0):
            image = tf.reshape(image, [self.batch, self.time + extra, depth])
            image = tf.slice(image, [0, 0, 0], [-1, self.time, -1])
        return tf.reshape(image, [-1, depth])


class StepWeights(NamedTuple):
    """Depthwise kernel `[width, 1, depth, 1]`, pointwise kernel `[depth, filters]`, scale and bias `[filters]`."""

    depthwise: tf.Tensor
    pointwise: tf.Tensor
    scale: tf.Tensor
    bias: tf.Tensor


class Normalized(NamedTuple):
    """What a convolution step keeps for its gradient besides its input.

    Attributes:
        normal: output before the normalization's scale and bias, `[batch * time, filters]`.
        inverse: one over the standard deviation, `[batch * time, 1]`.
        centred: pointwise kernel whose rows have mean zero, in the type of products, `[depth, filters]`.
        convolved: input of the pointwise product `[batch * time, depth]` where it is bfloat16, else None: the gradient
            computes it again.
    """

    normal: tf.Tensor
    inverse: tf.Tensor
    centred: tf.Tensor
    convolved: tf.Tensor | None

    def scaled(self, weights: StepWeights) -> tf.Tensor:
        """The step's output."""
        return self.normal * weights.scale + weights.bias


@dataclasses.dataclass(frozen=True)
class FusedConvStep:
    """`LayerNorm(SeparableConv(ReLU(x)))` over rows `[batch * time, depth]`; float32.

    The normalization's mean over filters is taken off the pointwise kernel instead of its product, which is the same
    and costs nothing.

    Attributes:
        grid: shape of the batch that the rows belong to.
        mask: `[batch * time, 1]`, 1 where real, or None; padding is zeroed before the convolution.
        dilation: distance in time between the kernel's taps.
        padding: "same" or "causal".
        epsilon: added to the variance.
        product: type of the factors of products.
    """

    grid: TimeGrid
    mask: tf.Tensor | None
    dilation: int
    padding: str
    epsilon: float
    product: tf.DType = tf.float32

    def forward(self, rows: tf.Tensor, weights: StepWeights) -> Normalized:
        """The step without the normalization's scale and bias."""
        convolved = self._factor(self._convolved(self._image(self._active(rows)), weights))
        centred = self._factor(_centred(weights.pointwise))
        y = tf.cast(tf.matmul(convolved, centred), rows.dtype)
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(y), -1, keepdims=True) + self.epsilon)
        return Normalized(y * inverse, inverse, centred, None if convolved.dtype == rows.dtype else convolved)

    def gradient(
        self, dy: tf.Tensor, rows: tf.Tensor, kept: Normalized, weights: StepWeights
    ) -> tuple[tf.Tensor, StepWeights]:
        """Gradients of the rows and of the weights; in float32 it runs the depthwise convolution again, which costs
        little.
        """
        normal, inverse, centred, convolved = kept
        product = dy * normal
        column = weights.scale[:, tf.newaxis] * (1.0 / weights.scale.shape[0])
        d_y = self._factor((dy * weights.scale - normal * tf.matmul(product, column)) * inverse)
        ones = tf.ones_like(inverse)  # a product with ones sums rows faster than reduce_sum
        d_scale = tf.matmul(product, ones, transpose_a=True)[:, 0]
        d_bias = tf.matmul(dy, ones, transpose_a=True)[:, 0]
        d_image = self._image(tf.cast(transposed_product(d_y, centred), dy.dtype))
        # Without the dependency TensorFlow reuses the forward pass' tensors and keeps them until here.
        with tf.control_dependencies([dy]):
            active = self._active(rows)
            image = self._image(active)
            convolved = self._convolved(image, weights) if convolved is None else convolved
        d_pointwise = _centred(tf.cast(tf.matmul(convolved, d_y, transpose_a=True), dy.dtype))
        convolution = self._convolution(weights)
        d_depthwise = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=image, filter_sizes=weights.depthwise.shape.as_list(), out_backprop=d_image, **convolution
        )
        d_image = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(image), filter=weights.depthwise, out_backprop=d_image, **convolution
        )
        # Where the mask or the ReLU gave zero, `active` is zero and lets nothing through.
        d_rows = tf.raw_ops.ReluGrad(gradients=self.grid.to_rows(d_image, self.dilation), features=active)
        return d_rows, StepWeights(d_depthwise, d_pointwise, d_scale, d_bias)

    def _active(self, rows):
        return tf.nn.relu(rows) if self.mask is None else tf.nn.relu(rows) * self.mask

    def _image(self, rows):
        return self.grid.to_image(rows, self.dilation)

    def _convolved(self, image, weights):
        convolution = self._convolution(weights)
        y = tf.raw_ops.DepthwiseConv2dNative(input=image, filter=weights.depthwise, **convolution)
        return self.grid.to_rows(y, self.dilation)

    def _factor(self, x):
        return tf.cast(x, self.product)

    def _convolution(self, weights):
        width = weights.depthwise.shape[0]
        before = width - 1 if self.padding == "causal" else (width - 1) // 2
        pads = [0, 0, before, width - 1 - before, 0, 0, 0, 0]
        return {"strides": [1, 1, 1, 1], "padding": "EXPLICIT", "explicit_paddings": pads}


def _centred(kernel: tf.Tensor) -> tf.Tensor:
    """`[depth, filters]` less the mean of each row."""
    return kernel - tf.reduce_mean(kernel, -1, keepdims=True)


def conv_step(
    x: tf.Tensor,
    mask: tf.Tensor | None,
    weights: StepWeights,
    *,
    dilation: int = 1,
    padding: str = "same",
    epsilon: float = 1e-6,
    form: str | None = None,
) -> tf.Tensor:
    """`LayerNorm(SeparableConv(ReLU(x)))` along time; padding is zeroed before the convolution.

    Args:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None.
        weights: in the type of `x`.
        dilation: distance in time between the kernel's taps.
        padding: "same" or "causal".
        epsilon: added to the variance.
        form: "plain" or "fused" (float32 only); None lets `choose` decide.

    Returns:
        `[batch, time, filters]`.

    Example:

        weights = StepWeights(tf.ones([3, 1, 4, 1]), tf.ones([4, 6]), tf.ones([6]), tf.zeros([6]))
        y = conv_step(tf.random.normal([2, 9, 4]), None, weights)  # [2, 9, 6]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.1.
    """
    form = form or choose("conv_step", x.dtype, kernel_sizes=[weights.depthwise.shape[0]])
    if form == "plain":
        convolved = depthwise_conv_1d(apply_mask(tf.nn.relu(x), mask), weights.depthwise, dilation, padding)
        return layer_norm(last_axis_product(convolved, weights.pointwise), weights.scale, weights.bias, epsilon)
    real, product = mask_rows(mask, x.dtype), product_dtype(x.dtype)
    step = FusedConvStep(TimeGrid(x), real, dilation, padding, epsilon, product)
    return reshape_like(_fused_rows(step, tf.reshape(x, [-1, x.shape[-1]]), weights), x)


def _fused_rows(step: FusedConvStep, rows: tf.Tensor, weights: StepWeights) -> tf.Tensor:
    @tf.custom_gradient
    def run(rows, *weights):
        weights = StepWeights(*weights)
        kept = step.forward(rows, weights)

        def gradient(dy):
            d_rows, d_weights = step.gradient(dy, rows, kept, weights)
            return d_rows, *d_weights

        return kept.scaled(weights), gradient

    return run(rows, *weights)
