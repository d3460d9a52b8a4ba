import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.conv_feed_forward import ConvFeedForward
from tests.layer_case import check_layer, check_steps


def numpy_reference(x, weights, causal):
    depthwise, wide, narrow = weights
    taps, time = depthwise.shape[0], x.shape[1]
    before = taps - 1 if causal else taps // 2
    padded = np.pad(x, [(0, 0), (before, taps - 1 - before), (0, 0)])
    mixed = sum(padded[:, tap : tap + time] * depthwise[tap, 0, :, 0] for tap in range(taps))
    return np.maximum(mixed @ wide, 0) @ narrow


@pytest.mark.parametrize("padding", ["same", "causal"])
def test_the_formula(padding):
    layer = ConvFeedForward(4, 10, 3, padding)
    x = np.random.default_rng(0).normal(size=(2, 7, 4)).astype(np.float32)
    layer.build(x.shape)
    expected = numpy_reference(x, layer.get_weights(), padding == "causal")
    np.testing.assert_allclose(layer(tf.constant(x)), expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "causal"])
def test_what_holds_for_every_layer(padding):
    check_layer(ConvFeedForward(4, 10, 5, padding), np.random.default_rng(1).normal(size=(2, 9, 4)).astype(np.float32))


def test_steps_equal_the_whole_pass(random):
    check_steps(ConvFeedForward(4, 10, 5, "causal"), random.normal(size=(2, 9, 4)).astype("float32"))


def test_padding_is_not_seen():
    layer = ConvFeedForward(4, 10, 5)
    layer.build((None, None, 4))
    x = np.random.default_rng(2).normal(size=(1, 6, 4)).astype(np.float32)
    padded = np.pad(x, [(0, 0), (0, 3), (0, 0)], constant_values=9.0)
    mask = np.arange(9)[None] < 6
    np.testing.assert_allclose(
        layer(tf.constant(padded), mask=tf.constant(mask))[:, :6], layer(tf.constant(x)), atol=1e-6
    )


@pytest.mark.parametrize("arguments", [{"padding": "valid"}, {"kernel_size": 4}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=r"use|needs"):
        ConvFeedForward(4, 10, **arguments)
