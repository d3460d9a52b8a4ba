"""Top-k accuracy and confusion matrix against TensorFlow's on random predictions."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.metrics import classes


@pytest.mark.parametrize("seed", range(3))
def test_equal_tensorflow(seed):
    random = np.random.default_rng(seed)
    logits, wanted = random.normal(size=[50, 7]).astype(np.float32), random.integers(7, size=50)
    order = np.argsort(-logits, axis=1)
    for k in (1, 5):
        expected = tf.reduce_mean(tf.cast(tf.math.in_top_k(wanted, logits, k), tf.float32)).numpy()
        assert classes.top_k(order[:, :5], wanted, k) == pytest.approx(expected) and 0 < expected < 1
    found = classes.confusion_matrix(order[:, 0], wanted, 7)
    np.testing.assert_array_equal(found, tf.math.confusion_matrix(wanted, order[:, 0], 7).numpy())
    assert np.trace(found) / 50 == pytest.approx(classes.top_k(order, wanted, 1))


def test_nothing_predicted():
    assert classes.top_k([], [], 1) == 0
    assert classes.confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]
