import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.plain_conv_2d import PlainConv2D
from tests.layer_case import check_layer


@pytest.mark.parametrize(("kernel", "strides"), [((3, 3), (2, 1)), ((1, 1), (2, 2))])
def test_plain_conv_2d_is_a_layer(random, kernel, strides):
    x = random.normal(size=(2, 7, 6, 4)).astype("float32")
    layer = PlainConv2D(5, kernel, strides)
    check_layer(layer, x)
    np.testing.assert_allclose(layer(tf.constant(x)), tf.nn.conv2d(x, layer.kernel.value, strides, "SAME"), atol=1e-5)
