"""Metrics by name, and the checks of `metrics.score`."""

import subprocess
import sys

import pytest

from t2t_multimodel import metrics, registry
from t2t_multimodel.errors import DataError, UnknownNameError


def test_names_are_those_that_problems_ask_for():
    assert metrics.names() == [
        "bleu",
        "bleu_4",
        "bracket_f1",
        "cer",
        "chrf",
        "cider",
        "meteor",
        "rouge_l",
        "ter",
        "wer",
    ]
    assert set(metrics.names()) > metrics.ERROR_RATES
    asked = {name for problem in registry.problem_names() for name in registry.problem(problem).metrics}
    assert asked <= set(metrics.names())


def test_an_unknown_name_is_an_error_that_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="bracket_f1"):
        metrics.get("bracket_f2")


def test_scores_of_several_metrics_are_joined():
    scores = metrics.score(["wer", "cer"], ["a b"], [["a c"]])
    assert (scores["wer"], scores["cer"]) == (0.5, pytest.approx(1 / 3))
    assert not [name for name in scores if name.endswith("_interval")]


@pytest.mark.parametrize("references", [[], [["a"], ["b"]], [[]]])
def test_references_must_match_outputs(references):
    with pytest.raises(DataError, match="references"):
        metrics.score(["wer"], ["a"], references)


def test_nothing_to_score_is_an_error():
    with pytest.raises(DataError, match="no outputs"):
        metrics.score(["wer"], [], [])


def test_names_are_listed_without_importing_scorers_or_tensorflow():
    code = "import sys; from t2t_multimodel import metrics; metrics.names(); metrics.get('cider'); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "t2t_multimodel.metrics.cider" in modules
    assert not {"t2t_multimodel.metrics.bleu", "sacrebleu", "jiwer", "tensorflow"} & set(modules)
