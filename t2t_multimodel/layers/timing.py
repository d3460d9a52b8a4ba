"""Sinusoidal timing signals."""

from __future__ import annotations

import math

import tensorflow as tf


def timing_signal_1d(
    length: tf.Tensor | int,
    channels: int,
    min_timescale: float = 1.0,
    max_timescale: float = 1e4,
    num_timescales: int | None = None,
) -> tf.Tensor:
    """Sines, then cosines, of the position at geometrically spaced timescales.

    Args:
        length: number of positions, a Python int or a scalar integer tensor.
        channels: depth of the signal; what sines and cosines do not fill is zero.
        min_timescale: period of the first channel over 2 pi, in positions.
        max_timescale: period of the last channel over 2 pi, in positions.
        num_timescales: number of sine channels; None is channels // 2 (Vaswani et al. 2017), 16 is what
            Tensor2Tensor's MultiModel of 2017 adds, in the first 32 channels alone.

    Returns:
        float32 `[1, length, channels]`.
    """
    scales = channels // 2 if num_timescales is None else min(num_timescales, channels // 2)
    increment = math.log(max_timescale / min_timescale) / max(scales - 1, 1)
    inverse = min_timescale * tf.exp(-increment * tf.range(scales, dtype=tf.float32))
    angles = tf.range(length, dtype=tf.float32)[:, tf.newaxis] * inverse[tf.newaxis, :]
    signal = tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)
    return tf.pad(signal, [[0, 0], [0, channels - 2 * scales]])[tf.newaxis]
