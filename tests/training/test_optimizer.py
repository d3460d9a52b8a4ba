import keras
import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.hparams.base import OptimizerHParams
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.sgd import SGD
from t2t_multimodel.training.schedule import learning_rate


def numpy_adam(values, gradients, hp, rate):
    """Kingma and Ba's algorithm 1 with epsilon inside the bias-corrected form TensorFlow uses."""
    first, second = np.zeros_like(values), np.zeros_like(values)
    for t, g in enumerate(gradients, 1):
        norm = np.sqrt(np.sum(g**2))
        g = g * min(1.0, hp.clip_norm / norm) if hp.clip_norm else g
        first = hp.beta1 * first + (1 - hp.beta1) * g
        second = hp.beta2 * second + (1 - hp.beta2) * g**2
        corrected = rate * np.sqrt(1 - hp.beta2**t) / (1 - hp.beta1**t)
        values = values - corrected * first / (np.sqrt(second) + hp.epsilon)
    return values


@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_adam_follows_the_paper(clip):
    hp = OptimizerHParams(beta1=0.9, beta2=0.98, epsilon=1e-9, clip_norm=clip)
    start = np.array([1.0, -2.0, 3.0], np.float32)
    gradients = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    variable = tf.Variable(start)
    adam = Adam({"v": variable}, hp)
    for g in gradients:
        adam.apply([tf.constant(g)], [variable], tf.constant(0.1))
    np.testing.assert_allclose(variable.numpy(), numpy_adam(start, gradients, hp, 0.1), rtol=1e-5, atol=1e-6)


def test_adam_equals_keras():
    hp = OptimizerHParams(beta1=0.9, beta2=0.98, epsilon=1e-8, clip_norm=0.0)
    start = np.linspace(-1, 1, 12).astype(np.float32).reshape(3, 4)
    ours, theirs = tf.Variable(start), keras.Variable(start)
    adam = Adam({"v": ours}, hp)
    reference = keras.optimizers.Adam(0.01, beta_1=0.9, beta_2=0.98, epsilon=1e-8)
    for g in np.random.default_rng(1).normal(size=(5, 3, 4)).astype(np.float32):
        adam.apply([tf.constant(g)], [ours], tf.constant(0.01))
        reference.apply([tf.constant(g)], [theirs])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_a_variable_that_is_not_reached_keeps_value_and_moments():
    hp = OptimizerHParams()
    a, b = tf.Variable([1.0]), tf.Variable([1.0])
    adam = Adam({"a": a, "b": b}, hp)
    for _ in range(3):
        adam.apply([tf.constant([1.0])], [a], tf.constant(0.1))
    assert b.numpy() == 1.0
    slots = {name: slot.numpy() for name, slot in adam.named_variables().items()}
    assert slots["first/b"] == 0 and slots["second/b"] == 0
    assert list(slots["updates"]) == [3, 0]
    adam.apply([tf.constant([1.0])], [b], tf.constant(0.1))
    assert b.numpy() == pytest.approx(0.9, abs=1e-4)  # its first update is bias-corrected as a first one


def test_sgd_moves_against_the_clipped_gradient_and_keeps_counts_alone():
    variable = tf.Variable([1.0, 2.0])
    sgd = SGD({"v": variable}, OptimizerHParams(name="sgd", clip_norm=2.5))
    norm, _ = sgd.apply([tf.constant([3.0, 4.0])], [variable], tf.constant(0.1))
    assert norm == 5.0
    np.testing.assert_allclose(variable.numpy(), [0.85, 1.8], rtol=1e-6)
    assert {name: slot.numpy().tolist() for name, slot in sgd.named_variables().items()} == {"updates": [1.0]}


def test_noam_follows_the_formula():
    hp = OptimizerHParams(schedule="noam", warmup_steps=4000, learning_rate=2.0)
    for step in (0, 100, 3999, 4000, 50000):
        expected = 2.0 * 512**-0.5 * min((step + 1) * 4000**-1.5, (step + 1) ** -0.5)
        assert float(learning_rate(tf.constant(step), hp, depth=512, train_steps=0)) == pytest.approx(expected)


def test_cosine_rises_and_falls():
    hp = OptimizerHParams(schedule="cosine", warmup_steps=10, learning_rate=1.0)
    rates = [float(learning_rate(tf.constant(s), hp, depth=1, train_steps=100)) for s in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0, abs=1e-2)
    assert rates[-1] == pytest.approx(0.0, abs=1e-3)
