import gc
import os
import subprocess
import sys

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


LEAVING = """
import atexit, sys, types
from t2t_multimodel import process

atexit.register(print, "registered")
print("flushed", end="")
if sys.argv[1] == "loaded":
    sys.modules["tensorflow_io"] = types.ModuleType("tensorflow_io")
process.leave(3)
print(" and goes on", end="")
"""


@pytest.mark.parametrize(
    ("plug_in", "status", "printed"),
    [("loaded", 3, "flushedregistered\n"), ("not", 0, "flushed and goes onregistered\n")],
)
def test_a_process_with_the_plug_in_of_stores_leaves_at_once(plug_in, status, printed):
    done = subprocess.run([sys.executable, "-c", LEAVING, plug_in], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, printed)


def test_garbage_is_collected_seldom_and_never_more_often():
    before = gc.get_threshold()
    try:
        for first in (700, 10**6):
            gc.set_threshold(first, 10, 10)
            process.collect_garbage_seldom()
            assert gc.get_threshold() == (max(first, 50_000), 10, 10)
    finally:
        gc.set_threshold(*before)
