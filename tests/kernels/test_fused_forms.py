"""The fused convolution step and block equal the plain forms of autodifferentiated layers: values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.products import apply_mask
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.conv_step import ConvStep
from t2t_multimodel.layers.dropout import dropout
from t2t_multimodel.layers.rng import StepRandom


def plain_step(step, x, mask):
    """The formula, with a normalisation that TensorFlow differentiates."""
    y = step.conv(apply_mask(tf.nn.relu(x), mask))
    mean, variance = tf.nn.moments(y, -1, keepdims=True)
    return tf.nn.batch_normalization(y, mean, variance, step.norm.bias.value, step.norm.scale.value, step.norm.epsilon)


def plain_block(block, x, mask, rng=None):
    first, second, third, fourth = block.steps
    hidden = x + plain_step(second, plain_step(first, x, mask), mask)
    skip = x if block.second_skip == "input" else hidden
    y = skip + plain_step(fourth, plain_step(third, hidden, mask), mask)
    return y if rng is None else dropout(y, block.dropout, rng.next())


def in_float64(layer):
    """A copy of `layer` whose plain form is exact beside float32, where rounding alone is 2e-5 of these gradients."""
    exact = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    exact.build((None, None, 6))
    exact.set_weights(layer.get_weights())
    return exact


def value_and_gradients(call, layer, x, towards, traced):
    weights = [weight.value for weight in layer.trainable_weights]

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
            loss = tf.reduce_sum(y * tf.cast(towards, x.dtype))
        return [y, *tape.gradient(loss, [x, *weights])]

    return (tf.function(run, autograph=False) if traced else run)(x)


def compare(layer, plain, x, mask, traced):
    rng = np.random.default_rng(1)
    layer.build(x.shape)
    for weight in layer.weights:  # scales and biases off their start
        weight.assign(weight.value + rng.normal(0, 0.1, weight.shape).astype(np.float32))
    exact = in_float64(layer)
    # At padding variances are about zero, which makes rounding errors large and the gradients meaningless.
    towards = apply_mask(tf.constant(rng.normal(size=x.shape), x.dtype), mask)
    ours = value_and_gradients(lambda x: layer(x, mask=mask), layer, x, towards, traced)
    expected = value_and_gradients(
        lambda x: plain(exact, x, mask), exact, tf.cast(x, tf.float64), towards, traced=False
    )
    for got, wanted in zip(ours, expected, strict=True):
        scale = max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(got / scale, wanted / scale, atol=1e-5)


def inputs(time, masked):
    x = tf.constant(np.random.default_rng(0).normal(size=(3, time, 6)), tf.float32)
    return x, tf.constant(np.arange(time)[None] < np.array([[time], [time - 3], [2]])) if masked else None


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("padding,dilation", [("same", 1), ("causal", 1), ("same", 4), ("causal", 4)])
def test_step(padding, dilation, masked, traced):
    step = ConvStep(6, 5, dilation, padding)
    x, mask = inputs(11, masked)
    compare(step, plain_step, x, mask, traced)


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("skip", ["input", "hidden"])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_block(padding, skip, recompute, traced):
    block = ConvBlock(6, (3, 3, 5, 5), (1, 1, 1, 4), padding, second_skip=skip, recompute=recompute)
    x, mask = inputs(10, padding == "same")
    compare(block, plain_block, x, mask, traced)


@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
def test_block_with_dropout(recompute):
    block = ConvBlock(6, (3, 3, 5, 5), (1, 1, 1, 4), dropout=0.5, recompute=recompute)
    x, _ = inputs(10, False)
    block.build(x.shape)

    @tf.function(autograph=False)
    def run(call):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        return y, tape.gradient(y, x)

    ours = run(lambda x: block(x, rng=StepRandom(1, 2)))
    plain = run(lambda x: plain_block(block, x, None, StepRandom(1, 2)))
    for got, expected in zip(ours, plain, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
