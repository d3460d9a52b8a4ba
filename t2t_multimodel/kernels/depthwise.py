"""Depthwise convolutions along time and over images."""

from __future__ import annotations

import itertools
import math

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose


def depthwise_conv_1d(
    x: tf.Tensor, kernel: tf.Tensor, dilation: int = 1, padding: str = "same", form: str | None = None
) -> tf.Tensor:
    """Convolves each channel along time with a kernel of its own.

    Args:
        x: `[batch, time, depth]`.
        kernel: `[width, 1, depth, 1]`; the width is odd with padding "same".
        dilation: distance in time between the kernel's taps.
        padding: "same" (centred, zeros on both sides) or "causal" (output t sees inputs <= t).
        form: "plain" (a sum of shifted products) or "fused" (TensorFlow's operation); None lets `choose` decide.

    Returns:
        `[batch, time, depth]`.

    Example:

        y = depthwise_conv_1d(tf.ones([2, 9, 4]), tf.ones([3, 1, 4, 1]), dilation=2, padding="causal")
    """
    if kernel.shape[0] == 1:
        return x * tf.reshape(kernel, [-1])
    form = form or choose("depthwise_conv", x.dtype)
    return {"plain": _plain, "fused": _fused}[form](x, kernel, dilation, padding)


def _plain(x, kernel, dilation, padding):
    width, time = kernel.shape[0], _size(x, 1)
    span = (width - 1) * dilation
    before = span if padding == "causal" else span // 2
    padded = tf.pad(x, [[0, 0], [before, span - before], [0, 0]])
    shifted = [padded[:, tap * dilation : tap * dilation + time] for tap in range(width)]
    y = tf.add_n([part * kernel[tap, 0, :, 0] for tap, part in enumerate(shifted)])
    return tf.ensure_shape(y, x.shape)


def _fused(x, kernel, dilation, padding):
    # A dilated convolution over [batch, time, depth] is an undilated one over
    # [batch, time / dilation, dilation, depth], which is the same memory: tf.nn.depthwise_conv2d would transpose.
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


def depthwise_conv_1d_step(
    x: tf.Tensor, before: tf.Tensor, kernel: tf.Tensor, dilation: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """The causal `depthwise_conv_1d` at new positions, given the inputs before them.

    Args:
        x: new inputs, `[batch, new, depth]`.
        before: the last `(width - 1) * dilation` inputs before them, zeros at the start:
            `[batch, (width - 1) * dilation, depth]`.
        kernel: `[width, 1, depth, 1]`.
        dilation: distance in time between the kernel's taps.

    Returns:
        Output `[batch, new, depth]` and the next step's `before`.

    Example:

        before = tf.zeros([2, 2, 4])
        y, before = depthwise_conv_1d_step(tf.ones([2, 1, 4]), before, tf.ones([3, 1, 4, 1]))
    """
    window = tf.concat([before, x], 1)
    if x.shape[1] == 1:
        seen = window if dilation == 1 else window[:, ::dilation]
        y = tf.reduce_sum(seen * tf.reshape(kernel, kernel.shape[0::2]), 1, keepdims=True)
    else:
        y = depthwise_conv_1d(window, kernel, dilation, "causal")[:, before.shape[1] :]
    time = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
    return tf.ensure_shape(y, x.shape), tf.ensure_shape(window[:, time:], before.shape)


def depthwise_conv_2d(
    x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int] = (1, 1), form: str | None = None
) -> tf.Tensor:
    """Convolves each channel of an image with a kernel of its own, padded like TensorFlow's SAME.

    TensorFlow's operation has equal strides only. For unequal ones it runs with their greatest common divisor along
    both axes, padded as each axis' stride needs, and the rest of the stride picks rows and columns.

    Args:
        x: `[batch, height, width, depth]`.
        kernel: `[kernel_height, kernel_width, depth, 1]`.
        strides: along height and width.
        form: "plain" (a sum of shifted products) or "fused" (TensorFlow's operation); None lets `choose` decide.

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), depth]`.

    Example:

        y = depthwise_conv_2d(tf.ones([2, 8, 6, 4]), tf.ones([3, 3, 4, 1]), strides=(2, 1))  # [2, 4, 6, 4]
    """
    form = form or choose("depthwise_conv_2d", x.dtype)
    if form == "fused" and strides[0] == strides[1]:
        return tf.nn.depthwise_conv2d(x, kernel, strides=[1, *strides, 1], padding="SAME")
    pads = [_same_pads(_size(x, axis + 1), kernel.shape[axis], strides[axis]) for axis in (0, 1)]
    x = tf.pad(x, [[0, 0], *pads, [0, 0]])
    if form == "plain":
        return _shifted_products(x, kernel, strides)
    common = math.gcd(*strides)
    y = tf.nn.depthwise_conv2d(x, kernel, strides=[1, common, common, 1], padding="VALID")
    return y[:, :: strides[0] // common, :: strides[1] // common]


def _shifted_products(x, kernel, strides):
    """The VALID convolution: one product for each tap of the kernel."""
    taps = itertools.product(range(kernel.shape[0]), range(kernel.shape[1]))
    height, width = ((_size(x, axis + 1) - kernel.shape[axis]) // strides[axis] + 1 for axis in (0, 1))
    parts = []
    for row, column in taps:
        rows = slice(row, row + (height - 1) * strides[0] + 1, strides[0])
        columns = slice(column, column + (width - 1) * strides[1] + 1, strides[1])
        parts.append(x[:, rows, columns] * kernel[row, column, :, 0])
    return tf.add_n(parts)


def _size(x: tf.Tensor, axis: int) -> int | tf.Tensor:
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def _same_pads(size: int | tf.Tensor, kernel: int, stride: int) -> list[int | tf.Tensor]:
    """Zeros before and after an axis with which a VALID convolution equals TensorFlow's SAME."""
    total = (-(-size // stride) - 1) * stride + kernel - size
    total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
    return [total // 2, total - total // 2]
