import numpy as np
import tensorflow as tf

from t2t_multimodel.layers.layer_norm import LayerNorm
from tests.layer_case import check_layer


def test_layer_norm_is_a_layer(random):
    check_layer(LayerNorm(), random.normal(size=(2, 3, 8)).astype("float32"))


def test_golden(golden_dir):
    golden = np.load(golden_dir / "layer_norm.npz")
    layer = LayerNorm()
    layer.build(golden["x"].shape)
    layer.scale.assign(golden["w:layer_norm/layer_norm_scale"])
    layer.bias.assign(golden["w:layer_norm/layer_norm_bias"])
    np.testing.assert_allclose(layer(tf.constant(golden["x"])), golden["y"], atol=1e-5, rtol=1e-5)


def test_constant_rows_give_the_bias():
    layer = LayerNorm()
    layer.build((None, 4))
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(layer(tf.fill([2, 4], 1e3)), [[1, 2, 3, 4]] * 2, atol=1e-3)
