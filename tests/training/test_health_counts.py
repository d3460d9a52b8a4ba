"""Skipped steps are counted and end a training in time."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.hparams.base import OptimizerHParams
from t2t_multimodel.training.loop.controller import Controller
from t2t_multimodel.training.loop.health import Health
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.muon import Muon
from t2t_multimodel.training.optimizers.sgd import SGD


def run(health, skipped, problems="ab"):
    """Steps whose problems take turns; `skipped` holds the numbers of those without a finite loss."""

    def step(number):
        bad = number + 1 in skipped
        loss = float("nan") if bad else 1.0
        values = {"loss": loss, "gradient_norm": loss, "skipped": float(bad), "batch": number // len(problems)}
        return problems[number % len(problems)], values

    return Controller(step).run(100, [health])


def test_single_bad_steps_are_counted_and_trained_over():
    health = Health(3)
    assert run(health, {5, 6, 20, 41, 42}) == 100 and health.check() and health.failure is None
    assert health.skipped == {"a": 2, "b": 3} and health.proven == 100
    assert health.summary().endswith("5 (a 2, b 3)")


def test_many_in_a_row_end_the_run_with_problem_step_and_batch():
    health = Health(3)
    assert run(health, range(50, 101)) < 60
    assert health.in_a_row and health.proven == 49 and not health.check()
    assert "3 steps in a row" in health.failure
    assert "the last one step 52, b, batch 25, loss nan, gradient norm nan" in health.failure


def test_one_problem_alone_ends_the_run_while_the_weights_serve_the_others():
    health = Health(3)
    run(health, range(51, 101, 2))
    assert health.failure and not health.in_a_row and health.proven >= 54 and health.skipped.keys() == {"a"}


def test_of_a_step_of_several_problems_the_ill_one_is_counted():
    def step(number):
        ill = number > 3
        parts = [("a", {"loss": 1.0}), ("b", {"loss": float("nan") if ill else 1.0})]
        loss = float("nan") if ill else 1.0
        return "a+b", {"loss": loss, "gradient_norm": loss, "skipped": float(ill), "batch": 0, "parts": parts}

    health = Health(3)
    assert Controller(step).run(100, [health]) < 12
    assert health.failure and health.skipped.keys() == {"b"} and health.proven == 4


@pytest.mark.parametrize("kind", [Adam, Muon, SGD])
@pytest.mark.parametrize(("value", "healthy"), [(np.nan, True), (np.inf, True), (1.0, False)])
def test_a_bad_update_changes_nothing(kind, value, healthy):
    variables = {"hidden": tf.Variable(tf.ones([4, 4])), "bias": tf.Variable(tf.ones([4]))}
    optimizer = kind(variables, OptimizerHParams(weight_decay=0.1))

    @tf.function
    def step(gradients, ok):
        return optimizer.apply(gradients, list(variables.values()), tf.constant(0.1), healthy=ok)

    assert bool(step([tf.ones([4, 4]), tf.ones([4])], tf.constant(True))[1])
    before = [value.numpy() for value in (*variables.values(), *optimizer.named_variables().values())]
    _, updated = step([tf.fill([4, 4], np.float32(value)), tf.ones([4])], tf.constant(healthy))
    assert not bool(updated)
    for old, new in zip(before, (*variables.values(), *optimizer.named_variables().values())):
        np.testing.assert_array_equal(old, new.numpy())
