"""Bootstrap confidence intervals: against scores of corpora that are really drawn, and by what is known of them."""

import numpy as np
import pytest

from t2t_multimodel import metrics
from t2t_multimodel.metrics.corpus_statistics import Statistics, resampled_sums, share_interval

HYPOTHESES = ["the cat sat on the mat", "a dog ran", "she reads a small book", "it is a red ring", "no"] * 4
REFERENCES = [["the cat sat on a mat"], ["the dog ran away"], ["she reads a book"], ["it is a red ring"], ["yes"]] * 4
# METEOR is a program that gives scores alone.
NAMES = [name for name in metrics.names() if name != "meteor"]
TREES = ["(S (NP (DT the) (NN cat)) (VP (VBZ sits)))", "(S (DT the) (NN cat) (VP (VBZ sits)))", "(S (NP"] * 4


@pytest.mark.parametrize("name", NAMES)
def test_sums_of_drawn_examples_score_as_those_examples_do(name):
    hypotheses, references = HYPOTHESES, REFERENCES
    if name == "bracket_f1":
        hypotheses, references = TREES, [[TREES[0]]] * len(TREES)
    statistics = metrics.statistics(name, hypotheses, references)
    whole = statistics.scores()
    assert whole == metrics.get(name)(hypotheses, references)
    if name == "cider":  # the weights of its n-grams belong to the whole corpus
        assert np.mean(statistics.example_scores(name)) == pytest.approx(whole[name])
        return
    drawn = np.random.default_rng(4).integers(len(hypotheses), size=len(hypotheses))
    scores = metrics.get(name)([hypotheses[i] for i in drawn], [references[i] for i in drawn])
    assert statistics.combine(statistics.sums[drawn].sum(axis=0))[name] == pytest.approx(scores[name])
    assert scores[name] != pytest.approx(whole[name])
    one = metrics.get(name)(hypotheses[1:2], references[1:2])[name]
    assert statistics.example_scores(name)[1] == pytest.approx(one)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bracket_f1"])
def test_intervals_hold_the_score_and_repeat(name):
    scores = metrics.score([name], HYPOTHESES, REFERENCES, resamples=300)
    low, high = scores[f"{name}_interval"]
    assert low < scores[name] < high
    assert scores == metrics.score([name], HYPOTHESES, REFERENCES, resamples=300)
    other = metrics.score([name], HYPOTHESES, REFERENCES, resamples=300, seed=1)
    assert other[f"{name}_interval"] != [low, high]


def test_the_interval_of_a_mean_is_that_of_the_central_limit():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=400)
    sums = np.stack([values, np.ones(400)], axis=1)
    low, high = Statistics(sums, lambda totals: {"mean": totals[0] / totals[1]}).interval("mean", resamples=4000)
    width = 2 * 1.96 * values.std() / 20
    assert high - low == pytest.approx(width, rel=0.05)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.05 * width)


def test_a_share_needs_no_examples():
    holds = np.arange(200) < 60
    sums = np.stack([holds, np.ones(200)], axis=1).astype(float)
    drawn = Statistics(sums, lambda totals: {"share": totals[0] / totals[1]}).interval("share", resamples=4000)
    assert share_interval(0.3, 200, resamples=4000) == pytest.approx(drawn, abs=0.012)
    assert share_interval(0.0, 200) == [0, 0] and share_interval(0.5, 0) == [0.5, 0.5]


def test_draws_in_parts_are_as_large_as_the_corpus(monkeypatch):
    monkeypatch.setattr("t2t_multimodel.metrics.corpus_statistics._DRAWS", 25)
    sums = resampled_sums(np.eye(10), resamples=7)
    assert sums.shape == (7, 10) and set(sums.sum(axis=1)) == {10} and len(np.unique(sums, axis=0)) == 7


def test_a_metric_without_sums_has_no_interval(monkeypatch):
    @metrics.register_metric("length_of_tests")
    def score(hypotheses, references):
        del references
        return {"length_of_tests": sum(map(len, hypotheses))}

    try:
        assert metrics.score(["length_of_tests"], ["ab"], [["a"]], resamples=10) == {"length_of_tests": 2}
        assert metrics.statistics("length_of_tests", ["ab"], [["a"]]) is None
    finally:
        metrics._metrics._values.pop("length_of_tests")
        metrics._metrics._registered.pop("length_of_tests")
