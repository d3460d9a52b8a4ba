"""The convolution step with a gradient written by hand.

Automatic differentiation of the plain form makes about three times as many operations and element-wise passes, which
is what a step costs at small and middle depths, and keeps five tensors of the input's size where this keeps one.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.kernels.products import transposed_product


class TimeGrid:
    """How rows `[batch * time, depth]` are seen as the images that a depthwise convolution takes.

    A convolution of dilation d over `[batch, time, depth]` is an undilated one over
    `[batch, time / d, d, depth]`, the same memory; time is padded to a multiple of d where it is none.

    Args:
        x: `[batch, time, depth]`, whose shape counts.
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


class Normalised(NamedTuple):
    """What a convolution step keeps for its gradient beside its input.

    Attributes:
        normal: output before the normalisation's scale and bias, `[batch * time, filters]`.
        inverse: one over the standard deviation, `[batch * time, 1]`.
    """

    normal: tf.Tensor
    inverse: tf.Tensor

    def scaled(self, weights: StepWeights) -> tf.Tensor:
        """The step's output."""
        return self.normal * weights.scale + weights.bias


@dataclasses.dataclass(frozen=True)
class FusedConvStep:
    """`LayerNorm(SeparableConv(ReLU(x)))` over rows `[batch * time, depth]`; float32.

    Attributes:
        grid: shape of the batch the rows are of.
        mask: `[batch * time, 1]`, 1 where real, or None; padding is zeroed before the convolution.
        dilation: distance in time between the kernel's taps.
        padding: "same" or "causal".
        epsilon: added to the variance.
    """

    grid: TimeGrid
    mask: tf.Tensor | None
    dilation: int
    padding: str
    epsilon: float

    def forward(self, rows: tf.Tensor, weights: StepWeights) -> Normalised:
        """The step but for the normalisation's scale and bias."""
        convolved = self._convolved(self._image(self._active(rows)), weights)
        y = tf.matmul(convolved, weights.pointwise)
        centred = y - tf.reduce_mean(y, -1, keepdims=True)
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + self.epsilon)
        return Normalised(centred * inverse, inverse)

    def gradient(
        self, dy: tf.Tensor, rows: tf.Tensor, kept: Normalised, weights: StepWeights
    ) -> tuple[tf.Tensor, StepWeights]:
        """Gradients of the rows and of the weights; the depthwise convolution, which costs little, runs again."""
        normal, inverse = kept
        product = dy * normal
        column = weights.scale[:, tf.newaxis] * (1.0 / weights.scale.shape[0])
        correction = normal * tf.matmul(product, column) + tf.matmul(dy, column)
        d_y = (dy * weights.scale - correction) * inverse
        ones = tf.ones_like(inverse)  # a product with ones sums rows faster than reduce_sum
        d_scale = tf.matmul(product, ones, transpose_a=True)[:, 0]
        d_bias = tf.matmul(dy, ones, transpose_a=True)[:, 0]
        d_image = self._image(transposed_product(d_y, weights.pointwise))
        with tf.control_dependencies([dy]):  # else what is computed again would be merged with the forward pass
            active = self._active(rows)
            image = self._image(active)
            convolved = self._convolved(image, weights)
        d_pointwise = tf.matmul(convolved, d_y, transpose_a=True)
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

    def _convolution(self, weights):
        width = weights.depthwise.shape[0]
        before = width - 1 if self.padding == "causal" else (width - 1) // 2
        pads = [0, 0, before, width - 1 - before, 0, 0, 0, 0]
        return {"strides": [1, 1, 1, 1], "padding": "EXPLICIT", "explicit_paddings": pads}


def conv_step_rows(step: FusedConvStep, rows: tf.Tensor, weights: StepWeights) -> tf.Tensor:
    """`step` over rows `[batch * time, depth]`, differentiable: `[batch * time, filters]`."""

    @tf.custom_gradient
    def run(rows, *weights):
        weights = StepWeights(*weights)
        kept = step.forward(rows, weights)

        def gradient(dy):
            d_rows, d_weights = step.gradient(dy, rows, kept, weights)
            return d_rows, *d_weights

        return kept.scaled(weights), gradient

    return run(rows, *weights)
