import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.losses import smoothed_cross_entropy


def _one_hot(logits, labels, smoothing):
    classes = logits.shape[-1]
    low = smoothing / (classes - 1)
    target = tf.one_hot(labels, classes, 1 - smoothing, low)
    entropy = -((1 - smoothing) * np.log(1 - smoothing) + smoothing * np.log(low))
    return tf.nn.softmax_cross_entropy_with_logits(target, logits) - entropy


@pytest.mark.parametrize(("smoothing", "name"), [(0.1, "smoothed"), (0.0, "plain")])
def test_golden(golden_dir, smoothing, name):
    golden = np.load(golden_dir / "label_smoothed_cross_entropy.npz")
    logits, labels = golden["logits"].reshape(-1, 11), golden["labels"].ravel()
    real = labels != 0
    losses = smoothed_cross_entropy(tf.constant(logits), tf.constant(labels), smoothing).numpy()
    np.testing.assert_allclose(losses[real].sum(), golden[f"num_{name}"], rtol=1e-5)
    assert real.sum() == golden[f"den_{name}"]


@pytest.mark.parametrize("label_type", ["int32", "int64"])
def test_equals_the_one_hot_form(label_type):
    random = np.random.default_rng(0)
    logits = tf.constant(random.normal(size=(7, 33)) * 4, tf.float32)
    labels = tf.constant(random.integers(0, 33, 7).astype(label_type))
    weights = tf.constant(random.normal(size=7), tf.float32)

    @tf.function
    def run(logits, function):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = function(logits, labels, 0.1)
            total = tf.reduce_sum(losses * weights)
        return losses, tape.gradient(total, logits)

    for fast, plain in zip(run(logits, smoothed_cross_entropy), run(logits, _one_hot)):
        np.testing.assert_allclose(fast, plain, atol=1e-5, rtol=1e-5)


def test_least_loss_is_zero():
    labels = np.array([2, 0])
    target = np.full((2, 5), 0.1 / 4)
    target[[0, 1], labels] = 0.9
    losses = smoothed_cross_entropy(tf.constant(np.log(target), tf.float32), tf.constant(labels), 0.1)
    np.testing.assert_allclose(losses, 0, atol=1e-6)


def test_low_precision_logits_are_computed_in_float32():
    losses = smoothed_cross_entropy(tf.zeros([2, 4], tf.bfloat16), tf.constant([1, 2]), 0.0)
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, np.log(4), rtol=1e-6)
