"""Greedy search: the most probable id at each position given the ids before it."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from t2t_multimodel.body.cache import Cache
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID
from t2t_multimodel.decoding.loop import Loop, run_to_end
from t2t_multimodel.decoding.steps import Found, Step, put, start_ids

Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def most_probable(logits: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """The best id of each row of logits `[rows, ids]`, whatever the position."""
    del at
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def greedy_search(
    step: Step, cache: Cache, max_lengths: tf.Tensor, length: int, choose: Choose = most_probable
) -> Found:
    """One output for each input, one id after the other, until all have ended.

    Args:
        step: from ids and cache to scores and next cache.
        cache: before the first id.
        max_lengths: int32 `[batch]`; rows that have not ended by then are cut.
        length: longest output of the batch, a Python int.
        choose: takes logits `[batch, ids]` and the position, gives ids `[batch]`.

    Returns:
        one output an input; both scores are the sum of log-probabilities.

    Example:

        found = greedy_search(step, cache, tf.fill([batch], 20), length=32)
        found.ids[:, 0]  # [batch, 32]
    """
    return run_to_end(greedy_loop(step, cache, max_lengths, length, choose))


def greedy_loop(step: Step, cache: Cache, max_lengths: tf.Tensor, length: int, choose: Choose = most_probable) -> Loop:
    """The loop of `greedy_search`, which takes the same arguments."""
    rows = tf.shape(max_lengths)[0]

    def unfinished(at, before, ids, scores, finished, cache):
        del before, ids, scores, cache
        return (at < length) & tf.logical_not(tf.reduce_all(finished))

    def extend(at, before, ids, scores, finished, cache):
        found, cache = step(before, cache)
        chosen = tf.where(finished, PAD_ID, choose(found.logits, at))
        scores += tf.where(finished, 0.0, found.log_probabilities(chosen))
        ended = tf.equal(chosen, END_ID) | tf.equal(chosen, PAD_ID) | (at + 1 >= max_lengths)
        return at + 1, chosen, put(ids, at, chosen), scores, finished | ended, cache

    def found(at, before, ids, scores, finished, cache):
        del at, before, finished, cache
        return Found(ids[:, tf.newaxis], scores[:, tf.newaxis], scores[:, tf.newaxis])

    state = (0, start_ids(rows), tf.zeros([rows, length], tf.int32), tf.zeros([rows]), max_lengths <= 0, cache)
    return Loop(state, unfinished, extend, found, growing=lambda at, before, ids, *rest: ids)
