"""Dropout that draws 16 random bits an element and keeps one byte an element for its gradient."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose

_LEVELS = 2**16


def effective_rate(rate: float) -> float:
    """The probability of zeroing that `dropout` uses: `rate` as a multiple of 1/65536."""
    return _dropped_levels(rate) / _LEVELS


def _dropped_levels(rate: float) -> int:
    return min(round(rate * _LEVELS), _LEVELS - 1)


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """Zeroes elements with probability `effective_rate(rate)` and scales the others to the same expected value.

    Args:
        x: a float tensor of any shape.
        rate: probability of zeroing.
        seed: int32 `[2]`; the same seed drops the same elements.
        form: "plain" or "fused" (keeps less for the gradient); None lets `choose` decide.

    Returns:
        A tensor shaped like `x`.

    Example:

        y = dropout(tf.ones([2, 5, 8]), 0.5, seed=tf.constant([1, 2]))  # zeros and twos
    """
    if _dropped_levels(rate) == 0:
        return x
    form = form or choose("dropout", x.dtype)
    kept, scale = _kept(tf.shape(x), rate, seed), 1.0 / (1.0 - effective_rate(rate))
    return {"plain": _plain, "fused": _fused}[form](x, kept, scale)


def _kept(shape: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """True where an element stays. One draw of 32 bits decides on two elements: drawing is what costs on a CPU."""
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32, alg=tf.random.Algorithm.PHILOX
    )
    draws = tf.reshape(tf.bitcast(bits, tf.int16), [-1])[:size]
    return tf.reshape(draws >= tf.constant(_dropped_levels(rate) - _LEVELS // 2, tf.int16), shape)


def _plain(x, kept, scale):
    return tf.where(kept, x * tf.cast(scale, x.dtype), tf.zeros_like(x))


def _fused(x, kept, scale):
    @tf.custom_gradient
    def drop(x):
        def gradient(dy):
            # Without the dependency TensorFlow reuses the forward pass' factors and keeps them until here.
            with tf.control_dependencies([dy]):
                factors = tf.cast(kept, dy.dtype)
            return dy * (factors * tf.cast(scale, dy.dtype))

        return x * (tf.cast(kept, x.dtype) * tf.cast(scale, x.dtype)), gradient

    return drop(x)
