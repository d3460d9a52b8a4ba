import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.depthwise import depthwise_conv_2d
from t2t_multimodel.layers.separable_conv import SeparableConv1D, SeparableConv2D
from tests.layer_case import assert_same, check_layer, check_steps, gradients


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


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 4)])
def test_steps_equal_the_whole_pass(random, kernel, dilation):
    layer = SeparableConv1D(6, kernel, dilation, "causal")
    check_steps(layer, random.normal(size=(2, 14, 4)).astype("float32"))
    phases = layer.init_cache(3)
    assert len(phases) == dilation and all(phase.shape == (3, kernel - 1, 4) for phase in phases.values())


def test_what_sees_later_inputs_has_no_cache():
    layer = SeparableConv1D(6, 3)
    layer.build((None, None, 4))
    with pytest.raises(ValueError, match="needs padding 'causal'"):
        layer.init_cache(2)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_separable_2d_is_a_layer(random, strides):
    check_layer(SeparableConv2D(6, strides=strides), random.normal(size=(2, 7, 6, 4)).astype("float32"))


def test_bad_arguments():
    with pytest.raises(ValueError, match="padding 'left'"):
        SeparableConv1D(4, 3, padding="left")
    with pytest.raises(ValueError, match="kernel size 4"):
        SeparableConv1D(4, 4)
