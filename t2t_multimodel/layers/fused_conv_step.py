"""The convolution step as one function with a compact gradient.

Automatic differentiation of the plain form makes about three times as many operations and element-wise passes, which
is what a step costs at small and middle depths.
"""

from __future__ import annotations

import tensorflow as tf


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


def conv_step_rows(
    rows: tf.Tensor,
    grid: TimeGrid,
    mask: tf.Tensor | None,
    weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
    *,
    dilation: int,
    padding: str,
    epsilon: float,
) -> tf.Tensor:
    """`LayerNorm(SeparableConv(ReLU(x)))` over rows; float32.

    Args:
        rows: `[batch * time, depth]`.
        grid: shape of the batch the rows are of.
        mask: `[batch * time, 1]`, 1 where real, or None; padding is zeroed before the convolution.
        weights: depthwise kernel `[width, 1, depth, 1]`, pointwise kernel `[depth, filters]`, scale and bias of the
            normalisation `[filters]`.
        dilation: distance in time between the kernel's taps.
        padding: "same" or "causal".
        epsilon: added to the variance.

    Returns:
        `[batch * time, filters]`.
    """
    width = weights[0].shape[0]
    before = width - 1 if padding == "causal" else (width - 1) // 2
    convolution = {
        "strides": [1, 1, 1, 1],
        "padding": "EXPLICIT",
        "explicit_paddings": [0, 0, before, width - 1 - before, 0, 0, 0, 0],
    }

    @tf.custom_gradient
    def step(rows, depthwise, pointwise, scale, bias):
        active = tf.nn.relu(rows)
        if mask is not None:
            active *= mask
        image = grid.to_image(active, dilation)
        convolved = tf.raw_ops.DepthwiseConv2dNative(input=image, filter=depthwise, **convolution)
        convolved = grid.to_rows(convolved, dilation)
        y = tf.matmul(convolved, pointwise)
        centred = y - tf.reduce_mean(y, -1, keepdims=True)
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + epsilon)
        normal = centred * inverse

        def gradient(dy):
            product = dy * normal
            column = scale[:, tf.newaxis] * (1.0 / scale.shape[0])
            correction = normal * tf.matmul(product, column) + tf.matmul(dy, column)
            d_y = (dy * scale - correction) * inverse
            ones = tf.ones_like(inverse)  # a product with ones sums rows faster than reduce_sum
            d_scale = tf.matmul(product, ones, transpose_a=True)[:, 0]
            d_bias = tf.matmul(dy, ones, transpose_a=True)[:, 0]
            d_pointwise = tf.matmul(convolved, d_y, transpose_a=True)
            d_image = grid.to_image(tf.matmul(d_y, pointwise, transpose_b=True), dilation)
            d_depthwise = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=image, filter_sizes=depthwise.shape.as_list(), out_backprop=d_image, **convolution
            )
            d_image = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(image), filter=depthwise, out_backprop=d_image, **convolution
            )
            # Where the mask or the ReLU gave zero, `active` is zero and lets nothing through.
            d_rows = tf.raw_ops.ReluGrad(gradients=grid.to_rows(d_image, dilation), features=active)
            return d_rows, d_depthwise, d_pointwise, d_scale, d_bias

        return normal * scale + bias, gradient

    return step(rows, *weights)
