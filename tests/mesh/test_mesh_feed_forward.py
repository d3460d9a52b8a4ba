"""Experts over a mesh whose devices are all the same CPU: the computation alone."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.experts import expert_feed_forward
from t2t_multimodel.mesh.dispatch import Dispatch
from t2t_multimodel.mesh.feed_forward import mesh_feed_forward
from t2t_multimodel.mesh.layout import MeshLayout

EXPERTS, DEPTH, HIDDEN, K = 4, 6, 10, 2


def case(tokens):
    random = np.random.default_rng(tokens)
    indices = np.argsort(-random.normal(size=(tokens, EXPERTS)) - [2, 1, 0, 0], 1)[:, :K]  # the first are busy
    values = random.normal(size=(tokens, DEPTH)), random.dirichlet(np.ones(K), tokens)
    weights = random.normal(size=(EXPERTS, DEPTH, HIDDEN)), random.normal(size=(EXPERTS, HIDDEN, DEPTH))
    x, gates, w1, w2 = (tf.constant(value, tf.float32) for value in (*values, *weights))
    return x, gates, tf.constant(indices, tf.int32), w1, w2


def over_mesh(batch, experts, mask=None, capacity_factor=None):
    """The function of tokens and whole weights, traced with free sizes; gives values and gradients."""
    layout = MeshLayout(batch, experts, ("CPU:0",) * (batch * experts))
    rows = [layout.share(number, EXPERTS) for number in range(batch * experts)]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, DEPTH]), tf.TensorSpec([None, K]), tf.TensorSpec([None, K], tf.int32),
            tf.TensorSpec([EXPERTS, DEPTH, HIDDEN]), tf.TensorSpec([EXPERTS, HIDDEN, DEPTH]),
        ]
    )  # fmt: skip
    def run(x, gates, indices, w1, w2):
        shards = [[w[share] for share in rows] for w in (w1, w2)]
        with tf.GradientTape() as tape:
            tape.watch((x, gates, shards))
            y = mesh_feed_forward(layout, x, gates, indices, *shards, mask=mask, capacity_factor=capacity_factor)
            loss = tf.reduce_sum(tf.sin(y))
        dx, d_gates, d_shards = tape.gradient(loss, [x, gates, shards])
        return y, dx, d_gates, *d_shards

    def with_copies(*arguments):
        y, dx, d_gates, dw1, dw2 = run(*arguments)
        for gradients in (dw1, dw2):
            for number, gradient in enumerate(gradients):
                np.testing.assert_array_equal(gradient, gradients[number % experts])
        return y, dx, d_gates, np.concatenate(dw1[:experts]), np.concatenate(dw2[:experts])

    return with_copies


def whole(x, gates, indices, w1, w2, mask=None):
    with tf.GradientTape() as tape:
        tape.watch((x, gates, w1, w2))
        y = expert_feed_forward(x, gates, indices, w1, w2, mask=mask, form="plain")
        loss = tf.reduce_sum(tf.sin(y))
    return y, *tape.gradient(loss, [x, gates, w1, w2])


@pytest.mark.parametrize(
    ("batch", "experts", "masked"), [(1, 1, False), (2, 1, True), (1, 4, False), (2, 2, False), (2, 2, True)]
)
def test_values_and_gradients_are_those_of_one_device(batch, experts, masked):
    arguments = case(tokens=23)
    mask = tf.constant(np.arange(23) % 3 > 0) if masked else None
    expected = whole(*arguments, mask=mask)
    exact, roomy = over_mesh(batch, experts, mask), over_mesh(batch, experts, mask, capacity_factor=EXPERTS)
    for run in (exact, roomy):
        for found, value in zip(run(*arguments), expected, strict=True):
            np.testing.assert_allclose(found, value, atol=2e-5, rtol=1e-5)


def test_bfloat16_travels_and_sums_are_wide():
    x, gates, indices, w1, w2 = case(tokens=24)  # of these no hidden unit is so near 0 that rounding switches it
    w1, w2 = w1 / DEPTH**0.5, w2 / HIDDEN**0.5  # outputs about 1: the sine of a large one would magnify its rounding
    half = [tf.cast(value, tf.bfloat16) for value in (x, w1, w2)]
    layout = MeshLayout(1, 2, ("CPU:0",) * 2)

    @tf.function
    def over_two():
        with tf.GradientTape() as tape:
            tape.watch((half, gates))
            shards = [[w[:2], w[2:]] for w in half[1:]]
            y = mesh_feed_forward(layout, half[0], gates, indices, *shards)
            loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
        return y, *tape.gradient(loss, [half[0], gates, *half[1:]])

    for found, value in zip(over_two(), whole(x, gates, indices, w1, w2), strict=True):
        scale = np.abs(value).max()
        np.testing.assert_allclose(tf.cast(found, tf.float32) / scale, value / scale, atol=0.03)
    assert over_two()[0].dtype == tf.bfloat16 and over_two()[2].dtype == tf.float32


def test_devices_without_tokens():
    run = over_mesh(2, 2)
    for tokens in (0, 1, 3):
        arguments = case(tokens)
        for found, value in zip(run(*arguments), whole(*arguments), strict=True):
            np.testing.assert_allclose(found, value, atol=2e-5, rtol=1e-5)


def test_capacity_drops_the_last_tokens_of_each_device():
    x, gates, _, w1, w2 = case(tokens=16)
    indices = tf.tile([[0, 1]], [16, 1])
    y, *_ = over_mesh(1, 2, capacity_factor=1.0)(x, gates, indices, w1, w2)
    served = np.arange(16) % 8 < 4  # ceil(1.0 * 8 tokens * 2 / 4 experts) of each device's 8
    expected = whole(x, gates, indices, w1, w2)[0]
    np.testing.assert_allclose(y[served], expected[served], atol=1e-5)
    assert not np.any(y[~served])
    dispatch = Dispatch(MeshLayout(1, 2, ("CPU:0",) * 2), indices, EXPERTS, capacity_factor=1.0)
    assert (dispatch.slots, dispatch.dropped) == (32, 16)
