import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.depthwise import depthwise_conv_1d, depthwise_conv_2d
from t2t_multimodel.layers.separable_conv import SeparableConv1D, SeparableConv2D
from tests.layer_case import assert_same, check_layer, gradients


def _plain_1d(x, kernel, dilation, padding):
    """Sum of shifted products."""
    width, time = kernel.shape[0], x.shape[1]
    span = (width - 1) * dilation
    before = span if padding == "causal" else span // 2
    padded = tf.pad(x, [[0, 0], [before, span - before], [0, 0]])
    return tf.add_n([padded[:, i * dilation : i * dilation + time] * kernel[i, 0, :, 0] for i in range(width)])


@pytest.mark.parametrize("padding", ["same", "causal"])
@pytest.mark.parametrize(("width", "dilation", "time"), [(1, 1, 5), (3, 1, 7), (15, 1, 6), (5, 4, 13), (15, 8, 16)])
def test_depthwise_1d_equals_shifted_products(random, padding, width, dilation, time):
    x = tf.constant(random.normal(size=(2, time, 4)), tf.float32)
    kernel = tf.constant(random.normal(size=(width, 1, 4, 1)), tf.float32)
    assert_same(
        gradients(lambda x, w: depthwise_conv_1d(x, w, dilation, padding), x, kernel),
        gradients(lambda x, w: _plain_1d(x, w, dilation, padding), x, kernel),
    )


@pytest.mark.parametrize("size", [(6, 6), (7, 5), (1, 4)])
@pytest.mark.parametrize("strides", [(2, 1), (1, 2), (4, 2), (2, 2), (1, 1)])
def test_depthwise_2d_takes_any_strides(random, size, strides):
    x = tf.constant(random.normal(size=(2, *size, 3)), tf.float32)
    kernel = tf.constant(random.normal(size=(3, 3, 3, 1)), tf.float32)
    diagonal = tf.constant(np.eye(3)[None, None], tf.float32)

    def plain(x, kernel):
        return tf.nn.conv2d(x, kernel * diagonal, strides, "SAME")

    assert_same(gradients(lambda x, w: depthwise_conv_2d(x, w, strides), x, kernel), gradients(plain, x, kernel))


@pytest.mark.parametrize("layer", [SeparableConv1D(6, 3), SeparableConv1D(6, 5, dilation=4, padding="causal")])
def test_separable_1d_is_a_layer(random, layer):
    check_layer(layer, random.normal(size=(2, 10, 4)).astype("float32"))


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_separable_2d_is_a_layer(random, strides):
    check_layer(SeparableConv2D(6, strides=strides), random.normal(size=(2, 7, 6, 4)).astype("float32"))


def test_bad_arguments():
    with pytest.raises(ValueError, match="padding 'left'"):
        SeparableConv1D(4, 3, padding="left")
    with pytest.raises(ValueError, match="kernel size 4"):
        SeparableConv1D(4, 4)
