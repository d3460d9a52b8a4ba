"""Helpers that every layer's test calls: shapes, dtypes, precision, masks, randomness, serialization, caches."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf

PAIR = tf.constant([3, 4])


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
        call: further arguments of the call; a layer that takes a mask is also called with one of its own.
    """
    layer.build(*((None,) * (x.ndim - 1) + x.shape[-1:] for x in inputs))
    assert layer.built
    outputs = layer(*map(tf.constant, inputs), **call)
    flat = _flat(outputs)
    assert all(np.isfinite(np.asarray(output, np.float32)).all() for output in flat)
    _check_shapes(layer, inputs, outputs, call)
    _check_traced(layer, inputs, call, flat, tolerance)
    _check_round_trip(layer, inputs, call, flat, tolerance)
    _check_bfloat16(layer, inputs, call, flat)
    _check_mask(layer, inputs, call, tolerance)
    _check_training(layer, inputs, call, flat)


def _flat(outputs):
    return tf.nest.flatten(outputs)


def shapes_of(results):
    """The nest of results with static shapes, as tuples, in the place of tensors."""
    if isinstance(results, dict):
        return {name: shapes_of(part) for name, part in results.items()}
    if isinstance(results, (tuple, list)):
        return tuple(map(shapes_of, results))
    return tuple(results.shape)


def _check_shapes(layer, inputs, outputs, call):
    assert layer.compute_output_shape(*(x.shape for x in inputs)) == shapes_of(outputs)
    symbolic = layer(*(keras.KerasTensor(x.shape, dtype=layer.compute_dtype) for x in inputs), **_plain(call))
    for found, expected in zip(_flat(symbolic), _flat(outputs), strict=True):
        assert tuple(found.shape) == tuple(expected.shape) and found.dtype == expected.dtype.name


def _plain(call):
    """Arguments that symbolic calls take, too."""
    return {name: value for name, value in call.items() if not tf.is_tensor(value)}


def _check_traced(layer, inputs, call, flat, tolerance):
    signature = [tf.TensorSpec([None] * (x.ndim - 1) + [x.shape[-1]], tf.float32) for x in inputs]
    traced = tf.function(lambda *x: _flat(layer(*x, **call)), input_signature=signature)
    for eager, graph in zip(flat, traced(*map(tf.constant, inputs)), strict=True):
        np.testing.assert_allclose(graph, eager, atol=tolerance, rtol=tolerance)


def _check_round_trip(layer, inputs, call, flat, tolerance):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    if not copy.built:  # Keras builds it from the recorded shapes
        copy.build(*(x.shape for x in inputs))
    copy.set_weights(layer.get_weights())
    assert [weight.path for weight in copy.weights] == [weight.path for weight in layer.weights]
    for output, restored in zip(flat, _flat(copy(*map(tf.constant, inputs), **call)), strict=True):
        np.testing.assert_allclose(restored, output, atol=tolerance, rtol=tolerance)


def _check_bfloat16(layer, inputs, call, flat):
    config = layer.get_config()
    blocks = config.get("blocks")
    for part in (config, *(block["config"] for block in (blocks if isinstance(blocks, list) else []))):
        part["dtype"] = "mixed_bfloat16"
    mixed = type(layer).from_config(config)
    mixed.build(*(x.shape for x in inputs))
    mixed.set_weights(layer.get_weights())
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    first, *others = _flat(mixed(*map(tf.constant, inputs), **call))
    assert first.dtype == mixed.compute_dtype
    assert [other.dtype for other in others] == [other.dtype for other in flat[1:]]
    scale = np.abs(np.asarray(flat[0], np.float32)).mean() + 1e-3
    difference = np.abs(np.asarray(tf.cast(first, tf.float32)) - np.asarray(flat[0], np.float32)).mean()
    assert difference < 0.05 * scale


def _takes(layer, *names):
    return set(names) <= set(inspect.signature(layer.call).parameters)


def _check_mask(layer, inputs, call, tolerance):
    """What is at padding changes no result at real positions, and no sum over them."""
    if not _takes(layer, "mask"):
        return
    first, *others = inputs
    shape = first.shape[: min(2, first.ndim - 1)]
    mask = np.arange(shape[-1]) < np.linspace(shape[-1], shape[-1] // 2, shape[0]).astype(int)[:, None]
    mask = mask if len(shape) == 2 else mask[-1]
    noise = 5.0 * ~mask.reshape(*shape, *[1] * (first.ndim - len(shape)))
    call = {**call, "mask": tf.constant(mask)}
    found = [_flat(layer(*map(tf.constant, (x, *others)), **call)) for x in (first, first + noise.astype(first.dtype))]
    real = layer.output_mask(mask) if hasattr(layer, "output_mask") else mask
    for one, other in zip(*found, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        if one.shape[: real.ndim] == real.shape:
            one, other = one[real], other[real]
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)


def _check_training(layer, inputs, call, flat):
    """`training=True` differs from inference where the layer is random; a seed pair makes it reproducible."""
    if not _takes(layer, "training", "seed"):
        return
    tensors = list(map(tf.constant, inputs))

    def run(**how):
        return [np.asarray(result, np.float32) for result in _flat(layer(*tensors, **call, **how))]

    def same(one, other):
        return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    inference = run()
    trained = run(training=True, seed=PAIR)
    assert same(trained, run(training=True, seed=PAIR))
    is_random = len(layer.variables) > len(layer.weights)
    assert same(trained, inference) is not is_random
    assert same(run(training=True), run(training=True)) is not is_random
    if is_random:
        assert not same(trained, run(training=True, seed=PAIR + 1))


def check_steps(
    layer: keras.layers.Layer, x: np.ndarray, source: np.ndarray | None = None, tolerance: float = 1e-5, **call
) -> None:
    """Checks that steps with a cache equal the whole pass: one position at a time, and several.

    Args:
        layer: causal; built here if need be.
        x: `[batch, time, depth]`.
        source: `[batch, source_time, depth]`, or None.
        tolerance: between steps and the whole pass.
        call: further arguments of the call; `causal=True` is left out with a cache.
    """
    inputs = [tf.constant(x), *([] if source is None else [tf.constant(source)])]
    if not layer.built:
        layer.build(*(tensor.shape for tensor in inputs))
    whole = layer(*inputs, **call)
    whole = whole[0] if isinstance(whole, tuple) else whole
    call.pop("causal", None)
    given = {} if source is None else {"source": inputs[1]}

    def step(part, cache):
        return layer(part, cache=cache, **call)

    for sizes in ([1] * x.shape[1], [3, x.shape[1] - 3]):
        cache = layer.init_cache(x.shape[0], x.shape[1] + 2, **given)
        run = tf.function(step, autograph=False) if sizes[0] == 1 else step
        np.testing.assert_allclose(_in_steps(layer, run, x, sizes, cache), whole, atol=tolerance, rtol=tolerance)


def _in_steps(layer, step, x, sizes: Sequence[int], cache):
    parts, start = [], 0
    for size in sizes:
        before, part = shapes_of(cache), tf.constant(x[:, start : start + size])
        y, *_, cache = step(part, cache)
        expected = layer.compute_output_shape(tuple(part.shape), cache_shape=before)
        assert expected[0] == tuple(y.shape) and expected[-1] == before
        assert shapes_of(cache) == before
        assert all(leaf.shape[0] == x.shape[0] for leaf in tf.nest.flatten(cache))
        parts.append(y)
        start += size
    return np.concatenate(parts, 1)


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
