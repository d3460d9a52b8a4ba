import numpy as np
import tensorflow as tf

from t2t_multimodel.layers.dense import Dense
from tests.layer_case import check_layer


def test_dense_is_a_layer(random):
    check_layer(Dense(5, use_bias=True, activation="relu"), random.normal(size=(2, 3, 4)).astype("float32"))


def test_dense_multiplies_the_last_axis(random):
    x = random.normal(size=(2, 3, 2, 4)).astype("float32")
    layer = Dense(5, use_bias=True)
    layer.build(x.shape)
    layer.bias.assign(random.normal(size=5))
    expected = x @ layer.kernel.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(tf.constant(x)), expected, atol=1e-5)
    np.testing.assert_allclose(layer(tf.constant(x[0, 0])), expected[0, 0], atol=1e-5)
