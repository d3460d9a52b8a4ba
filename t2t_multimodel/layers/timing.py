"""Sinusoidal timing signals."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer

Cache = dict[str, Any]


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
        channels: depth of the signal; channels that sines and cosines do not fill are zero.
        min_timescale: period of the first channel over 2 pi, in positions.
        max_timescale: period of the last channel over 2 pi, in positions.
        num_timescales: number of sine channels; None is channels // 2 (Vaswani et al. 2017), 16 is what
            Tensor2Tensor's MultiModel of 2017 adds, in the first 32 channels alone.

    Returns:
        float32 `[1, length, channels]`.

    Example:

        signal = timing_signal_1d(10, 8)  # [1, 10, 8]

    Reference: Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """
    positions = tf.range(length, dtype=tf.float32)
    return timing_signal_at(positions, channels, min_timescale, max_timescale, num_timescales)[tf.newaxis]


def timing_signal_at(
    positions: tf.Tensor,
    channels: int,
    min_timescale: float = 1.0,
    max_timescale: float = 1e4,
    num_timescales: int | None = None,
) -> tf.Tensor:
    """The `timing_signal_1d` of given positions: `[...]` of any number type to float32 `[..., channels]`.

    Example:

        signal = timing_signal_at(tf.constant([[3], [7]]), 8)  # [2, 1, 8]
    """
    scales = channels // 2 if num_timescales is None else min(num_timescales, channels // 2)
    increment = math.log(max_timescale / min_timescale) / max(scales - 1, 1)
    inverse = min_timescale * tf.exp(-increment * tf.range(scales, dtype=tf.float32))
    angles = tf.cast(positions, tf.float32)[..., tf.newaxis] * inverse
    signal = tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
    return tf.pad(signal, [[0, 0]] * positions.shape.rank + [[0, channels - 2 * scales]])


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class TimingSignal(ExplicitMaskLayer):
    """Adds the timing signal to its input.

    Call arguments:
        x: `[batch, time, depth]`.
        cache: of `init_cache`, or None; with it `x` holds new positions alone.

    Returns:
        `[batch, time, depth]`; with a cache also the next cache.

    Example:

        y = TimingSignal()(tf.zeros([2, 10, 8]))  # [2, 10, 8]

    Reference: Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """

    def build(self, x_shape):
        """Nothing to create."""
        self.built = True

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """``position``: of the next input, int32 `[batch]`."""
        return {"position": tf.zeros([batch_size], tf.int32)}

    def call(self, x: tf.Tensor, cache: Cache | None = None):
        if cache is None:
            return x + tf.cast(timing_signal_1d(tf.shape(x)[1], x.shape[-1]), x.dtype)
        time = tf.shape(x)[1]
        positions = cache["position"][:, tf.newaxis] + tf.range(time)  # [batch, time]
        signal = tf.cast(timing_signal_at(positions, x.shape[-1]), x.dtype)
        return x + signal, {"position": cache["position"] + time}

    def compute_output_shape(self, x_shape, cache_shape=None):
        """Shape of the input; with a cache also that of the cache."""
        return x_shape if cache_shape is None else (x_shape, cache_shape)
