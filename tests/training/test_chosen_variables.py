"""Frozen variables and factors of the learning rate by name, and runs that continue with other problems."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import load
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.base import HParams, OptimizerHParams
from t2t_multimodel.runs.stored_weights import StoredWeights
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.trainer import make_trainer, train


@pytest.fixture
def config(parsing_config):
    return dataclasses.replace(parsing_config, eval_steps=1)


def with_hparams(config, text):
    return dataclasses.replace(config, hparams=config.hparams.override(text))


def test_frozen_variables_stay_and_have_no_moments(config):
    frozen = with_hparams(config, "optimizer.freeze=encoder/*|symbol/embedding")
    trainer = make_trainer(frozen)
    before = {name: value.numpy() for name, value in trainer.model.named_variables().items()}
    trainer.run()
    stay = [name for name in before if name.startswith("encoder/") or name == "symbol/embedding"]
    after = trainer.model.named_variables()
    unchanged = [name for name in before if np.array_equal(before[name], after[name].numpy())]
    assert stay and set(stay) <= set(unchanged) and len(stay) < len(before) - 5
    kept = StoredWeights(f"{config.output_dir}/ckpt-2", "optimizer").names
    assert {name.partition("/")[2] for name in kept if name.startswith("first/")} == before.keys() - set(stay)
    assert load(config.output_dir).step == 2
    with pytest.raises(HParamsError, match="warm_start_from"):
        make_trainer(dataclasses.replace(config, train_steps=3))


@pytest.mark.parametrize("name", ["adam", "muon", "sgd"])
def test_a_factor_scales_the_step_and_its_decay(name):
    rng = np.random.default_rng(0)
    start = {key: rng.normal(size=(4, 4)).astype(np.float32) for key in ("a/kernel", "b/kernel", "b/other/kernel")}
    gradients = [rng.normal(size=(4, 4)).astype(np.float32)] * 3
    factors = {"a/kernel": 1.0, "b/kernel": 0.25, "b/other/kernel": 3.0}

    def moves(rate_factors):
        variables = {key: tf.Variable(value) for key, value in start.items()}
        hparams = OptimizerHParams(name=name, clip_norm=0.0, weight_decay=0.1, rate_factors=rate_factors)
        optimizer = make_optimizer(variables, hparams)
        optimizer.apply([tf.constant(one) for one in gradients], list(variables.values()), tf.constant(0.01))
        return {key: variables[key].numpy().astype(np.float64) - start[key] for key in start}

    plain, scaled = moves(""), moves("b/*:0.25|*/other/*:3")
    for key, factor in factors.items():
        np.testing.assert_allclose(scaled[key], factor * plain[key], rtol=2e-2 if name == "adam" else 1e-4, atol=2e-6)
    np.testing.assert_array_equal(scaled["a/kernel"], plain["a/kernel"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.freeze=encodr/*", r"no variable's name matches 'encodr/\*'; did you mean .*'encoder/\*'"),
        ("optimizer.freeze=*", "freezes all variables"),
        ("optimizer.rate_factors=zzz:2", "names begin with .*encoder/"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(config, override, message):
    with pytest.raises(HParamsError, match=message):
        make_trainer(with_hparams(config, override))


@pytest.mark.parametrize("factors", ["encoder/*", "encoder/*:x", "encoder/*:-1", "encoder/*:inf", ":2"])
def test_factors_are_checked_before_anything_is_built(factors):
    with pytest.raises(HParamsError, match="is not pattern:factor"):
        HParams().override(optimizer__rate_factors=factors).check()


def test_a_step_that_would_train_nothing_is_refused(config):
    nothing = with_hparams(config, "optimizer.freeze=encoder/*|mixer/*|decoder/*|symbol/*|multimodel/*")
    both = dataclasses.replace(nothing, problems=("mini_parsing", "mini_image_class"))
    with pytest.raises(HParamsError, match="a step of mini_parsing trains nothing"):
        train(both)


def test_a_run_goes_on_with_fewer_problems_and_keeps_the_others(config):
    both = dataclasses.replace(config, problems=("mini_parsing", "mini_translate_ende"))
    train(both)
    before = make_trainer(both).mixer.state()
    train(dataclasses.replace(config, train_steps=4))
    model = load(config.output_dir)
    assert (model.step, model.problems) == (4, list(both.problems))
    assert isinstance(model.generate("mini_translate_ende", ["a ring"], extra_length=2)[0].text, str)
    after = make_trainer(dataclasses.replace(both, train_steps=5)).mixer.state()
    assert after["mini_translate_ende"] == before["mini_translate_ende"]
    assert after["mini_parsing"]["batches"] == before["mini_parsing"]["batches"] + 2
