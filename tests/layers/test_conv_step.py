import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep, ConvStep2D
from tests.layer_case import check_layer, check_steps


@pytest.mark.parametrize(
    ("name", "filters", "kernel", "dilation", "padding"),
    [
        ("separable_conv_same", 12, 15, 1, "same"),
        ("separable_conv_left", 12, 15, 1, "causal"),
        ("separable_conv_dilated_left", 8, 5, 4, "causal"),
    ],
)
def test_golden(golden_dir, name, filters, kernel, dilation, padding):
    golden = np.load(golden_dir / f"{name}.npz")
    x, y = golden["x"][:, :, 0], golden["y"][:, :, 0]
    step = ConvStep(filters, kernel, dilation, padding)
    step.build(x.shape)
    step.conv.depthwise_kernel.assign(golden["w:s/conv_block_0_single/depthwise_kernel"])
    step.conv.pointwise_kernel.assign(golden["w:s/conv_block_0_single/pointwise_kernel"][0, 0])
    step.norm.scale.assign(golden["w:s/conv_block_norm_0/layer_norm_scale"])
    step.norm.bias.assign(golden["w:s/conv_block_norm_0/layer_norm_bias"])
    np.testing.assert_allclose(step(tf.constant(x)), y, atol=1e-5, rtol=1e-5)


def test_conv_step_is_a_layer(random):
    x = random.normal(size=(2, 9, 4)).astype("float32")
    check_layer(ConvStep(6, 3, 2, "causal"), x)
    check_layer(ConvStep(6, 3), x, mask=tf.constant([[True] * 9, [True] * 5 + [False] * 4]))


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (5, 3), (1, 1)])
def test_steps_equal_the_whole_pass(random, kernel, dilation):
    check_steps(ConvStep(6, kernel, dilation, "causal"), random.normal(size=(2, 14, 4)).astype("float32"))


@pytest.mark.parametrize("mask_type", [tf.bool, tf.float32])
def test_padding_changes_nothing(random, mask_type):
    x = random.normal(size=(2, 12, 4)).astype("float32")
    step = ConvStep(5, 7, 2)
    step.build(x.shape)
    longer = np.concatenate([x, random.normal(size=(2, 6, 4)).astype("float32")], 1)
    mask = tf.cast(tf.sequence_mask([12, 12], 18), mask_type)
    np.testing.assert_allclose(step(tf.constant(longer), mask=mask)[:, :12], step(tf.constant(x)), atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"strides": (2, 1)}, {"separable": False, "strides": (2, 2), "relu": False}])
def test_conv_step_2d_is_a_layer(random, options):
    check_layer(ConvStep2D(6, **options), random.normal(size=(2, 7, 8, 3)).astype("float32"))


def test_relu_is_an_option(random):
    x = -np.abs(random.normal(size=(1, 5, 5, 3))).astype("float32")
    with_relu, without = ConvStep2D(4), ConvStep2D(4, relu=False)
    for layer in (with_relu, without):
        layer.build(x.shape)
    assert np.abs(with_relu(tf.constant(x))).max() == 0
    assert np.abs(without(tf.constant(x))).max() > 0
