"""Random seeds as a pure function of (seed, step, order of calls)."""

from __future__ import annotations

import zlib
from typing import Union

import keras
import tensorflow as tf


class SeedStream:
    """A stream of seeds for one training step; layers hand it down to their parts.

    Every call of `next` gives another seed. Within a `tf.function` the calls are counted while tracing, so that each
    call site has its own number and only `step` (a tensor) changes from run to run.

    Args:
        seed: seed of the run.
        step: global step, a Python int or a scalar integer tensor.
        replica: replica id, a Python int or a scalar integer tensor; replicas draw different numbers.

    Example:

        stream = SeedStream(seed=1, step=0)
        first, second = stream.next(), stream.next()  # int32 [2] each
    """

    def __init__(self, seed: int, step: tf.Tensor | int, replica: tf.Tensor | int = 0):
        self._seed = int(seed)
        self._calls = 0
        # An odd factor is invertible modulo 2^32: no two replicas of a step have the same seeds.
        self._first = tf.cast(replica, tf.int32) * tf.constant(0x3C6EF372, tf.int32)
        self._second = tf.cast(step, tf.int32)

    @classmethod
    def from_pair(cls, pair: tf.Tensor) -> SeedStream:
        """A stream that begins at a seed, int32 `[2]`."""
        pair = tf.cast(tf.convert_to_tensor(pair), tf.int32)
        stream = cls(0, pair[1])
        stream._first = pair[0]
        return stream

    def next(self) -> tf.Tensor:
        """The next seed, int32 `[2]`, for `tf.random.stateless_*`."""
        self._calls += 1
        site = zlib.crc32(f"{self._seed}/{self._calls}".encode())
        site = tf.constant(site - 2**31, tf.int32)
        return tf.stack([tf.bitwise.bitwise_xor(site, self._first), self._second])


# What a call takes as its `seed`.
Seed = Union[SeedStream, tf.Tensor, None]  # noqa: UP007 (evaluated at import)


def as_stream(seed: Seed) -> SeedStream | None:
    """The stream of a call's `seed`: a pair begins a stream, None stays None."""
    return seed if seed is None or isinstance(seed, SeedStream) else SeedStream.from_pair(seed)


def draw(seed: Seed, generator: keras.random.SeedGenerator) -> tf.Tensor:
    """One seed for a random layer, int32 `[2]`: from the call's `seed`, or if it is None from the layer's generator."""
    stream = as_stream(seed)
    return tf.cast(generator.next(), tf.int32) if stream is None else stream.next()
