"""One helper that every layer's test calls: shape, dtype, precision, dynamic shapes, serialization."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def seeded():
    """Initial weights are the same in each run; a conftest that imports it makes it hold for a folder."""
    keras.utils.set_random_seed(7)


@pytest.fixture
def random() -> np.random.Generator:
    """Random inputs, the same in each run."""
    return np.random.default_rng(3)


def check_layer(layer: keras.layers.Layer, *inputs: np.ndarray, tolerance: float = 1e-5, **call) -> None:
    """Checks what holds for every layer of the library.

    Args:
        layer: unbuilt; built here from shapes alone.
        inputs: positional inputs of the call.
        tolerance: between eager, traced and restored results.
        call: further arguments of the call.
    """
    layer.build(*((None,) * (x.ndim - 1) + x.shape[-1:] for x in inputs))
    assert layer.built
    outputs = _flat(layer(*map(tf.constant, inputs), **call))
    _check_shapes(layer, inputs, outputs)
    signature = [tf.TensorSpec([None] * (x.ndim - 1) + [x.shape[-1]], tf.float32) for x in inputs]
    traced = tf.function(lambda *x: tf.nest.flatten(layer(*x, **call)), input_signature=signature)
    for eager, graph in zip(outputs, traced(*map(tf.constant, inputs))):
        np.testing.assert_allclose(graph, eager, atol=tolerance, rtol=tolerance)
    _check_round_trip(layer, inputs, call, outputs, tolerance)
    _check_bfloat16(layer, inputs, call, outputs)


def _flat(outputs):
    return tf.nest.flatten(outputs)


def _check_shapes(layer, inputs, outputs):
    expected = layer.compute_output_shape(*(x.shape for x in inputs))
    expected = expected if isinstance(outputs, list) and len(outputs) > 1 else [expected]
    for output, shape in zip(outputs, expected):
        assert output.shape == tuple(shape)
        assert np.isfinite(np.asarray(output, np.float32)).all()


def _check_round_trip(layer, inputs, call, outputs, tolerance):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    if not copy.built:  # Keras builds it from the recorded shapes
        copy.build(*(x.shape for x in inputs))
    copy.set_weights(layer.get_weights())
    for output, restored in zip(outputs, _flat(copy(*map(tf.constant, inputs), **call))):
        np.testing.assert_allclose(restored, output, atol=tolerance, rtol=tolerance)


def _check_bfloat16(layer, inputs, call, outputs):
    config = layer.get_config()
    config["dtype"] = "mixed_bfloat16"
    mixed = type(layer).from_config(config)
    mixed.build(*(x.shape for x in inputs))
    mixed.set_weights(layer.get_weights())
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    first = _flat(mixed(*map(tf.constant, inputs), **call))[0]
    assert first.dtype == mixed.compute_dtype
    scale = np.abs(np.asarray(outputs[0], np.float32)).mean() + 1e-3
    difference = np.abs(np.asarray(tf.cast(first, tf.float32)) - np.asarray(outputs[0], np.float32)).mean()
    assert difference < 0.05 * scale


def gradients(function, *tensors, weight_seed: int = 0):
    """Values of `function` and the gradients of a randomly weighted sum of them, in a traced function."""

    @tf.function
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = function(*tensors)
            total = tf.reduce_sum(y * tf.random.stateless_normal(tf.shape(y), [weight_seed, 1], dtype=y.dtype))
        return y, tape.gradient(total, tensors)

    y, grads = run(*tensors)
    return [y, *grads]


def assert_same(actual, expected, tolerance: float = 1e-5) -> None:
    """Values and gradients agree."""
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)
