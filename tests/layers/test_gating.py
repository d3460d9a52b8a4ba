import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.gating import NoisyTopKGate, cv_squared, prob_in_top_k
from t2t_multimodel.layers.seeds import SeedStream
from tests.layer_case import check_layer


def _dense(gates, indices, experts):
    full = np.zeros((gates.shape[0], experts), np.float32)
    np.put_along_axis(full, np.asarray(indices), np.asarray(gates), 1)
    return full


def test_golden_evaluation(golden_dir):
    golden = np.load(golden_dir / "noisy_top_k_gating_eval.npz")
    gate = NoisyTopKGate(10, 4)
    gate.build(golden["x"].shape)
    gate.gate_kernel.assign(golden["w:noisy_top_k_gating/w_gate"])
    gate.noise_kernel.assign(golden["w:noisy_top_k_gating/w_noise"])
    gates, indices, load, importance = gate(tf.constant(golden["x"]))
    np.testing.assert_allclose(_dense(gates, indices, 10), golden["gates"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(load, golden["load"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(importance, golden["importance"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(cv_squared(importance), golden["cv2_importance"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(cv_squared(load), golden["cv2_load"], atol=1e-5, rtol=1e-5)


def test_golden_probability(golden_dir):
    golden = np.load(golden_dir / "prob_in_top_k.npz")
    names = ("clean", "noisy", "noise_stddev", "noisy_top_values")
    y = prob_in_top_k(*(tf.constant(golden[name]) for name in names), k=4)
    np.testing.assert_allclose(y, golden["prob"], atol=1e-5, rtol=1e-5)


def test_gate_is_a_layer(random):
    check_layer(NoisyTopKGate(6, 2, initializer="random_normal"), random.normal(size=(9, 4)).astype("float32"))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_training_gates_sum_to_one_and_load_to_k(random, k):
    gate = NoisyTopKGate(5, k, initializer="random_normal")
    x = tf.constant(random.normal(size=(2000, 8)), tf.float32)
    gates, indices, load, importance = gate(x, training=True, seed=SeedStream(0, 0))
    np.testing.assert_allclose(tf.reduce_sum(gates, 1), 1, atol=1e-5)
    assert all(len(set(row)) == k for row in indices.numpy())
    np.testing.assert_allclose(tf.reduce_sum(importance), 2000, rtol=1e-5)
    counts = np.bincount(indices.numpy().ravel(), minlength=5)
    np.testing.assert_allclose(load, counts, rtol=0.15)


def test_both_matrices_learn_from_the_load(random):
    gate = NoisyTopKGate(6, 2)
    x = tf.constant(random.normal(size=(40, 8)), tf.float32)
    gate.build(x.shape)
    with tf.GradientTape() as tape:
        _, _, load, importance = gate(x, training=True, seed=SeedStream(0, 0))
        loss = cv_squared(load) + cv_squared(importance)
    for gradient in tape.gradient(loss, [weight.value for weight in gate.trainable_weights]):
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("training", [False, True])
def test_masked_tokens_count_for_nothing(random, training):
    gate = NoisyTopKGate(6, 2, initializer="random_normal")
    x = random.normal(size=(12, 8)).astype("float32")
    gate.build(x.shape)
    mask = np.arange(12) < 7
    results = []
    for rest in (0.0, 5.0):
        x[7:] += rest
        seed = SeedStream(0, 0)
        results.append(gate(tf.constant(x), mask=tf.constant(mask), training=training, seed=seed)[2:])
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    np.testing.assert_allclose(tf.reduce_sum(results[0][1]), 7, rtol=1e-5)


def test_bad_k():
    with pytest.raises(ValueError, match="5 of 4"):
        NoisyTopKGate(4, 5)
