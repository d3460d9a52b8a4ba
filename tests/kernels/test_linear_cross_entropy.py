import numpy as np
import tensorflow as tf

from t2t_multimodel.kernels.linear_cross_entropy import linear_cross_entropy
from t2t_multimodel.kernels.losses import smoothed_cross_entropy


def _plain(hidden, table, labels, smoothing):
    logits = tf.matmul(hidden, table, transpose_b=True)
    hits = tf.equal(tf.argmax(logits, -1, output_type=labels.dtype), labels)
    losses = smoothed_cross_entropy(logits, labels, smoothing)
    return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))


def _run(function, hidden, table, labels, smoothing):
    @tf.function(autograph=False)
    def run(hidden, table):
        with tf.GradientTape() as tape:
            tape.watch([hidden, table])
            loss, hits = function(hidden, table, labels, smoothing)
            objective = 0.3 * loss
        return loss, hits, *tape.gradient(objective, [hidden, table])

    return run(hidden, table)


def test_large_logits_neither_overflow_nor_vanish():
    hidden, table = tf.constant([[100.0], [-100.0]]), tf.constant([[-100.0], [0.0], [100.0]])
    loss, hits, *gradients = _run(linear_cross_entropy, hidden, table, tf.constant([0, 0]), 0.0)
    np.testing.assert_allclose(loss, 20_000)
    assert hits == 1 and all(np.isfinite(gradient).all() for gradient in gradients)


def test_no_tokens_cost_nothing():
    hidden, table = tf.zeros([0, 4]), tf.ones([7, 4])
    loss, hits, d_hidden, d_table = _run(linear_cross_entropy, hidden, table, tf.zeros([0], tf.int32), 0.1)
    assert loss == 0 and hits == 0 and d_hidden.shape == (0, 4) and not np.any(d_table)


def test_low_precision_hidden_states():
    random = np.random.default_rng(0)
    hidden = tf.constant(random.normal(size=(9, 8)), tf.bfloat16)
    table = tf.constant(random.normal(size=(17, 8)), tf.float32)
    labels = tf.constant(random.integers(0, 17, 9), tf.int32)
    loss, _, d_hidden, d_table = _run(linear_cross_entropy, hidden, table, labels, 0.1)
    plain, *_ = _run(_plain, tf.cast(hidden, tf.float32), table, labels, 0.1)
    assert (loss.dtype, d_hidden.dtype, d_table.dtype) == (tf.float32, tf.bfloat16, tf.float32)
    np.testing.assert_allclose(loss, plain, rtol=0.02)
