"""Random seeds as a pure function of (seed, step, order of calls)."""

from __future__ import annotations

import zlib

import tensorflow as tf


class StepRandom:
    """A stream of seeds for one training step: the presence of one means training, None means inference.

    Every call of `next` yields another seed. Within a `tf.function` the calls are counted while tracing, so that each
    call site keeps its own seed stream and only `step` (a tensor) changes from run to run.

    Args:
        seed: seed of the run.
        step: global step, a Python int or a scalar integer tensor.
        replica: replica id, a Python int or a scalar integer tensor; replicas draw different numbers.
    """

    def __init__(self, seed: int, step: tf.Tensor | int, replica: tf.Tensor | int = 0):
        self._seed = int(seed)
        self._calls = 0
        step = tf.cast(step, tf.int32)
        # Odd multipliers are invertible modulo 2^32: no two replicas of a step, nor two steps of a replica, agree.
        self._step = step
        self._replica = tf.cast(replica, tf.int32) * tf.constant(0x3C6EF372, tf.int32)

    def next(self) -> tf.Tensor:
        """The next seed, int32 `[2]`, for `tf.random.stateless_*`."""
        self._calls += 1
        site = zlib.crc32(f"{self._seed}/{self._calls}".encode())
        site = tf.constant(site - 2**31, tf.int32)
        return tf.stack([tf.bitwise.bitwise_xor(site, self._replica), self._step])
