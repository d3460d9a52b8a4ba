"""METEOR: what is needed for it, and its program where Java is found."""

import shutil
import sys

import pytest

from t2t_multimodel import metrics
from t2t_multimodel.errors import MultiModelError


def test_without_java_is_an_error_with_a_cure(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MultiModelError, match="not found; install it or leave meteor out"):
        metrics.score(["meteor"], ["a"], [["a"]])


def test_without_its_package_is_an_error_with_a_cure(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setitem(sys.modules, "pycocoevalcap.meteor.meteor", None)
    with pytest.raises(MultiModelError, match="pip install"):
        metrics.score(["meteor"], ["a"], [["a"]])


@pytest.mark.slow
def test_its_program():
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed; pip install 't2t-multimodel[oracles]'")
    if shutil.which("java") is None:
        pytest.skip("java is not found; install a Java runtime")
    assert metrics.get("meteor")(["A red ring."], [["two men", "a red ring"]])["meteor"] == pytest.approx(1)
    scores = metrics.score(["meteor"], ["a dog is running", ""], [["the dog runs"], ["two men"]], resamples=10)
    assert scores.keys() == {"meteor"} and 0 < scores["meteor"] < 0.6
