"""The devices of a training: names and TF_CONFIG."""

import pytest
import tensorflow as tf

from t2t_multimodel.errors import HParamsError, MultiModelError
from t2t_multimodel.hparams.base import ComputeHParams, HParams
from t2t_multimodel.training.distribution.workers import Workers
from t2t_multimodel.training.strategies import check_strategy, make_strategy


@pytest.mark.parametrize(
    ("name", "environment", "message"),
    [
        ("mirored", "", "give one of auto, one_device"),
        ("multi_worker", "", "needs TF_CONFIG"),
        ("multi_worker", '{"cluster": {}}', "needs TF_CONFIG"),
        ("auto", "worker 1", "names no cluster"),
        ("auto", '["worker"]', "names no cluster"),
        ("auto", '{"task": {}}', "names no cluster"),
        ("auto", '{"cluster": {"worker": 3}}', "names no cluster"),
    ],
)
def test_what_does_not_fit_is_one_line(monkeypatch, name, environment, message):
    monkeypatch.setenv("TF_CONFIG", environment)
    with pytest.raises(MultiModelError, match=message) as raised:
        make_strategy(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "needs a TPU; give its name"),
        ("local", "no TPU found at 'local'"),
        ("grpc://127.0.0.1", "grpc://HOST:PORT"),
        ("grpc://127.0.0.1:1", "no TPU found at 'grpc://127.0.0.1:1' .*refused"),
    ],
)
def test_a_tpu_that_is_not_there_is_one_line(monkeypatch, address, message):
    monkeypatch.setenv("TPU_NAME", address)
    with pytest.raises(MultiModelError, match=message) as raised:
        make_strategy("tpu")
    assert "\n" not in str(raised.value)


def test_a_tpu_needs_the_static_step():
    with pytest.raises(HParamsError, match=r"give compute\.compile=xla"):
        check_strategy("tpu", HParams())
    check_strategy("tpu", HParams(compute=ComputeHParams(compile="xla")))
    check_strategy("mirrored", HParams())


@pytest.mark.parametrize("environment", ["", '{"cluster": {"worker": ["127.0.0.1:1"]}}'])
def test_one_process_is_alone_and_its_chief(monkeypatch, environment):
    monkeypatch.setenv("TF_CONFIG", environment)
    strategy = make_strategy()
    workers = Workers(strategy)
    assert strategy is tf.distribute.get_strategy()
    assert workers.alone and workers.chief and workers.total(3.0) == 3.0
    workers.check_step(5)


def test_errors_of_one_process_are_not_those_of_workers():
    with pytest.raises(tf.errors.AbortedError), Workers(make_strategy()).needed("run"):
        raise tf.errors.AbortedError(None, None, "mine")
