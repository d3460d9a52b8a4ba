"""Toy models for tests of searches: a table says what follows an id."""

import numpy as np
import tensorflow as tf

from t2t_multimodel.decoding.steps import scores_of


def table_step(table):
    """The next id depends on the last one alone; the cache counts steps."""

    def step(ids, cache):
        return scores_of(tf.gather(tf.constant(table, tf.float32), ids)), {"count": cache["count"] + 1}

    return step


def table_cache(rows):
    return {"count": tf.zeros([rows], tf.int32)}


def history_step(seed, vocab):
    """The next id depends on all ids before it, through a cache that a beam must reorder."""
    rng = np.random.default_rng(seed)
    mix, out = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ((vocab, 6), (6, vocab)))

    def step(ids, cache):
        state = tf.tanh(0.7 * cache["state"] + tf.gather(mix, ids) + cache["bias"])
        return scores_of(2.0 * tf.matmul(state, out)), {**cache, "state": state}

    return step


def history_cache(seeds, beams=1):
    """Each row has a source of its own."""
    rows = [np.random.default_rng(seed).normal(size=[1, 6]).astype(np.float32) for seed in seeds]
    bias = tf.repeat(tf.constant(np.concatenate(rows)), beams, 0)
    return {"state": tf.zeros_like(bias), "bias": bias}
