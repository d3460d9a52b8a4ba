"""Dropout whose random bits cost half of a float generator's."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.dropout import dropout, effective_rate
from t2t_multimodel.layers.seeds import Seed, draw


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Dropout(keras.layers.Layer):
    """Zeroes elements with probability `rate` and scales the others by 1 / (probability of keeping).

    The rate is rounded to a multiple of 1/65536 (attribute `effective_rate`), since 16 random bits decide on an
    element. The kept elements are scaled by the exact inverse of the rounded probability, so that the expected value
    is unchanged.

    Args:
        rate: probability of zeroing, 0 <= rate < 1.

    Call arguments:
        x: a float tensor of any shape.
        training: whether to drop; else `x` is returned as it is.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.

    Returns:
        A tensor shaped like `x`.

    Example:

        y = Dropout(0.5)(tf.ones([2, 5, 8]), training=True, seed=tf.constant([1, 2]))  # zeros and twos

    Reference: Srivastava et al., "Dropout", 2014.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"dropout rate {rate} is not in [0, 1); give the probability of zeroing an element")
        self.rate = rate
        self.effective_rate = effective_rate(rate)
        self.seed_generator = keras.random.SeedGenerator() if self.effective_rate else None

    def build(self, x_shape):
        """Nothing to create."""
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> tf.Tensor:
        drawn = self.draw(training, seed)
        return x if drawn is None else dropout(x, self.rate, drawn)

    def draw(self, training: bool, seed: Seed) -> tf.Tensor | None:
        """The seed of a call, int32 `[2]`, for layers that drop by themselves; None where nothing is dropped."""
        return draw(seed, self.seed_generator) if training and self.effective_rate else None

    def compute_output_shape(self, x_shape):
        """Shape of the input."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "rate": self.rate}
