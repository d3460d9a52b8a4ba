"""The devices of a training: names and TF_CONFIG."""

import pytest
import tensorflow as tf

from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.training.strategies import make_strategy
from t2t_multimodel.training.workers import Workers


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
