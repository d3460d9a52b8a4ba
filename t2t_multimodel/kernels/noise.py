"""Normal noise that is the same number for number wherever it is drawn."""

from __future__ import annotations

import math

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose

_PHILOX = tf.random.Algorithm.PHILOX


def normal_noise(shape: tf.Tensor, seed: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """Draws from N(0, 1), float32, by the Philox generator.

    XLA's `stateless_normal` pairs the generator's numbers in another way than TensorFlow's does; the static form pairs
    them as TensorFlow's.

    Args:
        shape: of two axes or more.
        seed: int32 `[2]`; the same seed draws the same numbers, and a longer tensor begins with those of a shorter one.
        form: "plain" (TensorFlow's operation) or "static"; None lets `choose` decide.

    Returns:
        A tensor of that shape.

    Example:

        noise = normal_noise([4, 3], seed=tf.constant([1, 2]))

    Reference: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011; Box and Muller, 1958.
    """
    form = form or choose("normal_noise")
    return {"plain": _plain, "static": _static}[form](shape, seed)


def _plain(shape, seed):
    return tf.random.stateless_normal(shape, seed, alg=_PHILOX)


def _static(shape, seed):
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2, 2], seed, minval=None, maxval=None, dtype=tf.uint32, alg=_PHILOX
    )
    # 23 bits become a number in [1, 2).
    ones = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, (1 << 23) - 1), 127 << 23)
    uniform = tf.bitcast(ones, tf.float32) - 1.0
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(uniform[:, 0], 1e-7)))
    angle = (2.0 * math.pi) * uniform[:, 1]
    pairs = tf.stack([tf.sin(angle) * radius, tf.cos(angle) * radius], 1)
    return tf.reshape(tf.reshape(pairs, [-1])[:size], shape)
