"""Dropout whose random bits cost half of a float generator's."""

from __future__ import annotations

import keras
import tensorflow as tf

from t2t_multimodel.layers.rng import StepRandom

_LEVELS = 2**16


def _dropped_levels(rate: float) -> int:
    return min(round(rate * _LEVELS), _LEVELS - 1)


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """What `Dropout` does in training; for the gradient it keeps one byte an element.

    Args:
        x: a float tensor of any shape.
        rate: probability of zeroing.
        seed: int32 `[2]`.
    """
    dropped = _dropped_levels(rate)
    if dropped == 0:
        return x
    shape = tf.shape(x)
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32, alg=tf.random.Algorithm.PHILOX
    )
    draws = tf.reshape(tf.bitcast(bits, tf.int16), [-1])[:size]
    kept = tf.reshape(draws >= tf.constant(dropped - _LEVELS // 2, tf.int16), shape)
    scale = 1.0 / (1.0 - dropped / _LEVELS)

    @tf.custom_gradient
    def drop(x):
        def gradient(dy):
            with tf.control_dependencies([dy]):  # else the factors would be those of the forward pass, kept until here
                factors = tf.cast(kept, dy.dtype)
            return dy * (factors * tf.cast(scale, dy.dtype))

        return x * (tf.cast(kept, x.dtype) * tf.cast(scale, x.dtype)), gradient

    return drop(x)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Dropout(keras.layers.Layer):
    """Zeroes elements with probability `rate` and scales the others by 1 / (probability of keeping).

    A draw of 32 random bits decides on two elements, since the generator is the costly part on a CPU. The rate is
    therefore rounded to a multiple of 1/65536 (attribute `effective_rate`); the kept elements are scaled by the exact
    inverse of the rounded probability, so that the expected value is unchanged.

    Args:
        rate: probability of zeroing, 0 <= rate < 1.

    Call arguments:
        x: a float tensor of any shape.
        rng: `StepRandom` in training; None in inference, where `x` is returned as it is.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"dropout rate {rate} is not in [0, 1); give the probability of zeroing an element")
        self.rate = rate
        self.effective_rate = _dropped_levels(rate) / _LEVELS

    def build(self, input_shape):
        """Nothing to create."""
        self.built = True

    def call(self, x, rng: StepRandom | None = None):
        """Returns a tensor shaped like `x`."""
        return x if rng is None or self.effective_rate == 0 else dropout(x, self.rate, rng.next())

    def compute_output_shape(self, input_shape):
        """Shape of the input."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "rate": self.rate}
