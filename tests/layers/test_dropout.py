import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.seeds import SeedStream
from tests.layer_case import check_layer


def test_dropout_is_a_layer(random):
    check_layer(Dropout(0.3), random.normal(size=(2, 3, 4)).astype("float32"))


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.1, 0.4, 0.9])
def test_rate_and_scale(rate):
    layer = Dropout(rate)
    assert layer.effective_rate == pytest.approx(rate, abs=1e-5)
    y = layer(tf.ones([1000, 501]), training=True, seed=SeedStream(0, 0)).numpy()
    deviation = (rate * (1 - rate) / y.size) ** 0.5
    assert abs((y == 0).mean() - layer.effective_rate) < 5 * deviation
    np.testing.assert_allclose(y[y > 0], 1 / (1 - layer.effective_rate), rtol=1e-6)


def test_neighbours_are_independent():
    dropped = (Dropout(0.5)(tf.ones([400, 400]), training=True, seed=SeedStream(2, 0)).numpy() == 0).astype(float)
    for lag in (1, 2, 3, 4, 8):
        assert abs(np.corrcoef(dropped[:, :-lag].ravel(), dropped[:, lag:].ravel())[0, 1]) < 0.015


def test_same_seed_and_step_drop_the_same_and_others_do_not():
    layer = Dropout(0.5)
    x = tf.ones([8, 16])

    @tf.function
    def run(step):
        return layer(x, training=True, seed=SeedStream(1, step))

    first = run(tf.constant(0, tf.int64)).numpy()
    np.testing.assert_array_equal(first, run(tf.constant(0, tf.int64)))
    np.testing.assert_array_equal(first, layer(x, training=True, seed=SeedStream(1, 0)))
    assert (first != run(tf.constant(1, tf.int64)).numpy()).any()
    assert (first != layer(x, training=True, seed=SeedStream(2, 0)).numpy()).any()
    assert (first != layer(x, training=True, seed=SeedStream(1, 0, replica=1)).numpy()).any()


def test_gradient_passes_where_kept():
    x = tf.ones([5, 7])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = Dropout(0.5)(x, training=True, seed=SeedStream(0, 0))
    np.testing.assert_array_equal(tape.gradient(y, x), y)


def test_inference_and_bad_rates():
    x = tf.ones([3])
    assert Dropout(0.5)(x) is x or np.array_equal(Dropout(0.5)(x), x)
    with pytest.raises(ValueError, match=r"rate 1.0"):
        Dropout(1.0)
