import os

import pytest

from t2t_multimodel import process


@pytest.mark.parametrize(
    ("variable", "call"),
    [("TF_ENABLE_ONEDNN_OPTS", process.use_onednn), ("TF_CPP_MIN_LOG_LEVEL", process.quieten_tensorflow)],
)
def test_what_the_user_chose_stands(monkeypatch, variable, call):
    monkeypatch.setenv(variable, "0")
    call()
    assert os.environ[variable] == "0"
    monkeypatch.delenv(variable)
    call()
    assert os.environ[variable] != "0"
