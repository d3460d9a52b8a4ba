"""Products in bfloat16: near those in float32, and all around them in float32."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.precision import as_factor, product_dtype, products_in
from t2t_multimodel.kernels.products import last_axis_product
from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_feed_forward import ConvFeedForward
from t2t_multimodel.layers.mixture import MixtureOfExperts
from tests.kernels.test_forms import CASES, masked_block, routed, value_and_gradients

# Factors are rounded to 8 bits, so that an element is off by 0.2% of the largest term of its sum.
TOLERANCE = 0.03
# A hidden value near zero may come to its other side, which lets a gradient through or not: rare, but a whole term.
AFTER_RELU = 0.15


def distance(found, expected):
    """Root mean square of the difference over that of what is expected."""
    found, expected = (np.asarray(x, np.float64) for x in (found, expected))
    return np.sqrt(np.mean((found - expected) ** 2) / max(np.mean(expected**2), 1e-12))


@pytest.mark.parametrize(
    ("operation", "form", "case"),
    [
        ("product", "plain", "small"),
        ("product", "fused", "wide"),
        ("conv_step", "plain", "same_1_masked"),
        ("conv_step", "fused", "same_1_masked"),
        ("conv_step", "fused", "causal_4_whole"),
        ("cross_entropy", "fused", "0.1_21"),
        ("cross_entropy", "plain", "0.1_21"),
    ],
)
def test_near_float32(operation, form, case):
    check_near_float32(form, *CASES[operation][case])


@pytest.mark.parametrize(("form", "recompute"), [("plain", False), ("fused", False), ("fused", True)])
def test_blocks_are_near_float32(random, form, recompute):
    shapes = [shape for width in (3, 3, 5, 5) for shape in ([width, 1, 64, 1], [64, 64], [64], [64])]
    weights = [random.normal(size=shape) + (len(shape) == 1) for shape in shapes]
    block = masked_block(seed=tf.constant([1, 2]), recompute=recompute)
    check_near_float32(form, block, [random.normal(size=(3, 20, 64)), *weights], tolerance=AFTER_RELU)


@pytest.mark.parametrize("form", ["plain", "fused", "static", "blocks"])
def test_experts_are_near_float32(random, form):
    experts = routed(random.permuted(np.tile(np.arange(6), (200, 1)), axis=1)[:, :2])
    shapes = [(200, 32), (200, 2), (6, 32, 64), (6, 64, 32)]
    check_near_float32(form, experts, [random.normal(size=shape) for shape in shapes], tolerance=AFTER_RELU)


def check_near_float32(form, function, tensors, tolerance=TOLERANCE):
    expected = value_and_gradients(function, form, tensors, tf.float32)
    with products_in("bfloat16"):
        found = value_and_gradients(function, form, tensors, tf.float32)
    again = value_and_gradients(function, form, tensors, tf.float32)
    assert all(tensor.dtype == tf.float32 for tensor in found)
    distances = [distance(*pair) for pair in zip(found, expected, strict=True)]
    assert 1e-5 < max(distances) < tolerance, distances
    for got, wanted in zip(again, expected, strict=True):  # no trace is shared by the two types
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "layer",
    [
        MultiHeadAttention(num_heads=2, depth=8),
        MultiHeadAttention(num_heads=2, depth=8, uniform=True),
        ConvFeedForward(8, 16),
        MixtureOfExperts(num_experts=4, hidden=16, k=2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_stay_in_float32(random, layer):
    x = tf.constant(random.normal(size=(2, 9, 8)), tf.float32)
    expected = tf.nest.flatten(layer(x))
    with products_in("bfloat16"):
        found = tf.nest.flatten(layer(x))
    assert all(tensor.dtype == tf.float32 for tensor in found)
    assert 1e-5 < distance(found[0], expected[0]) < TOLERANCE
    for got, wanted in zip(found[1:], expected[1:], strict=True):  # the gate's
        np.testing.assert_array_equal(got, wanted)


def test_a_chain_of_products_stays_in_bfloat16():
    x, kernel = tf.ones([2, 8]), tf.ones([8, 3])
    assert last_axis_product(as_factor(x), kernel).dtype == tf.float32
    with products_in("bfloat16"):
        assert last_axis_product(as_factor(x), kernel).dtype == tf.bfloat16
        assert last_axis_product(x, kernel).dtype == tf.float32
        assert product_dtype(tf.float64) == tf.float64
    assert product_dtype(tf.float32) == tf.float32
