import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.base import OptimizerHParams
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.optimizers.muon import Muon, orthogonalize

HP = OptimizerHParams(name="muon", beta1=0.9, beta2=0.98, clip_norm=0.0, muon_scale=0.5)


def numpy_orthogonal(matrix, steps):
    """The Newton-Schulz iteration on singular values alone: u f(s) v."""
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    s = s / (np.linalg.norm(matrix) + 1e-7)
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ v


@pytest.mark.parametrize("shape", [(6, 6), (5, 12), (12, 5)])
def test_the_iteration_acts_on_singular_values_alone(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for steps in (1, 3, 5):
        found = orthogonalize(tf.constant(matrix), steps).numpy()
        np.testing.assert_allclose(found, numpy_orthogonal(matrix.astype(np.float64), steps), atol=1e-4)
    singular = np.linalg.svd(orthogonalize(tf.constant(matrix), 8).numpy(), compute_uv=False)
    assert (singular > 0.6).all() and (singular < 1.3).all()


def test_a_stack_is_a_matrix_each():
    stack = np.random.default_rng(1).normal(size=(3, 4, 7)).astype(np.float32)
    together = orthogonalize(tf.constant(stack), 3).numpy()
    for matrix, found in zip(stack, together):
        np.testing.assert_allclose(found, orthogonalize(tf.constant(matrix), 3).numpy(), atol=1e-5)


def test_updates_follow_the_momentum():
    start = np.random.default_rng(2).normal(size=(4, 6)).astype(np.float32)
    gradients = np.random.default_rng(3).normal(size=(3, 4, 6)).astype(np.float32)
    variable = tf.Variable(start)
    muon = Muon({"block/kernel": variable}, HP)
    expected, momentum = start.astype(np.float64), np.zeros_like(start)
    for gradient in gradients:
        muon.apply([tf.constant(gradient)], [variable], tf.constant(0.1))
        momentum = 0.95 * momentum + gradient
        step = numpy_orthogonal(gradient + 0.95 * momentum, HP.muon_steps)
        expected = expected - 0.1 * 0.5 * 6**0.5 * step
    np.testing.assert_allclose(variable.numpy(), expected, atol=1e-4)


def test_all_that_is_no_hidden_matrix_is_adams():
    names = ["embedding", "gate/kernel", "norm/scale", "conv/depthwise_kernel"]
    shapes = [(5, 4), (4, 3), (4,), (3, 1, 4, 1)]
    rng = np.random.default_rng(4)
    starts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    found = []
    for kind in (Muon, Adam):
        variables = {name: tf.Variable(start) for name, start in zip(names, starts)}
        optimizer = kind(variables, HP)
        gradients = np.random.default_rng(5)
        for _ in range(3):
            steps = [tf.constant(gradients.normal(size=shape).astype(np.float32)) for shape in shapes]
            optimizer.apply(steps, list(variables.values()), tf.constant(0.01))
        found.append([variable.numpy() for variable in variables.values()])
    for ours, adams in zip(*found):
        np.testing.assert_array_equal(ours, adams)


def test_hidden_matrices_have_one_slot_and_the_experts_count_as_such():
    variables = {"experts": tf.Variable(tf.ones([2, 3, 4])), "kernel": tf.Variable(tf.ones([3, 4]))}
    slots = Muon(variables, HP).named_variables()
    assert list(slots) == ["first/experts", "first/kernel", "updates"]


def test_the_name_decides():
    assert type(make_optimizer({}, HP)) is Muon
    assert type(make_optimizer({}, OptimizerHParams())) is Adam
    with pytest.raises(HParamsError, match="adam or muon or sgd"):
        make_optimizer({}, OptimizerHParams(name="adagrad"))
