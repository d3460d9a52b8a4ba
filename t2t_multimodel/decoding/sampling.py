"""Random search: ids drawn from the model's distribution, tempered and cut."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.decoding.greedy import Choose

# Keeps a drawn number below the sum of probabilities after rounding.
_BELOW_ONE = 1.0 - 1e-6


def make_choice(uniform: tf.Tensor, temperature: float = 1.0, top_k: int = -1, top_p: float = 1.0) -> Choose:
    """The choice of a `greedy_search` that samples.

    Args:
        uniform: numbers of [0, 1) `[batch, length]`, one for each id that is drawn.
        temperature: logits are divided by it.
        top_k: only the most probable `top_k` ids are drawn; -1 for all.
        top_p: only the fewest most probable ids whose probabilities sum to `top_p` or more; 1 for all.

    Reference: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (top-p).

    Example:

        choose = make_choice(tf.constant([[0.1, 0.7]]), temperature=0.8, top_k=10)
        choose(logits, at=0)  # ids [1]
    """
    cut = top_k > 0 or top_p < 1.0

    def choose(logits, at):
        logits, names = logits / temperature, None
        if cut:
            size = logits.shape[-1]
            logits, names = tf.math.top_k(logits, min(top_k, size) if top_k > 0 else size)
        probabilities = tf.nn.softmax(logits)
        if top_p < 1.0:
            before = tf.cumsum(probabilities, axis=-1, exclusive=True)
            probabilities = tf.where(before < top_p, probabilities, 0.0)
        reached = tf.cumsum(probabilities, axis=-1)
        drawn = tf.gather(uniform, at, axis=1)[:, tf.newaxis] * _BELOW_ONE * reached[:, -1:]
        index = tf.reduce_sum(tf.cast(reached <= drawn, tf.int32), axis=-1)
        return index if names is None else tf.gather(names, index, batch_dims=1)

    return choose


def uniform_numbers(seed: int, keys: Sequence[bytes], length: int) -> np.ndarray:
    """Numbers of [0, 1) float32 `[rows, length]`: row i is a function of the seed and of its key alone.

    Args:
        seed: of the search.
        keys: what a row's output may depend on: its input, and not its place in a batch.
        length: ids that are drawn.
    """
    rows = [np.random.default_rng([seed, zlib.crc32(key), len(key)]).random(length, np.float32) for key in keys]
    return np.stack(rows)
