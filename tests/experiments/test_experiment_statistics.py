import math
import sys

import numpy as np
import pytest
from scipy import stats

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.statistics import (
    CLAIMS,
    Interval,
    mean_interval,
    paired_interval,
    rank_agreement,
    verdict,
)


def test_interval_is_that_of_a_t_test():
    values = [0.3, 0.1, 0.7, 0.4]
    found, theirs = mean_interval(values, 0.9), stats.ttest_1samp(values, 0).confidence_interval(0.9)
    np.testing.assert_allclose([found.low, found.high], [theirs.low, theirs.high], rtol=1e-12)
    assert found.count == 4


def test_one_value_has_an_infinite_interval_that_decides_nothing():
    interval = mean_interval([2.0])
    assert interval == Interval(2.0, -math.inf, math.inf, 1)
    assert {verdict(interval, claim) for claim in CLAIMS} == {"undecided"}


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 1.0]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ExperimentError):
        mean_interval(values)


def test_pairs_are_the_common_seeds_and_narrower_than_their_parts():
    single, joint = {1: 10.0, 2: 20.0, 3: 30.0, 4: 0.0}, {3: 29.1, 2: 18.9, 1: 9.0, 7: 5.0}
    found = paired_interval(single, joint)
    assert found == mean_interval([1.0, 20.0 - 18.9, 30.0 - 29.1])
    assert found.high - found.low < mean_interval(single.values()).high - mean_interval(single.values()).low
    with pytest.raises(ExperimentError, match="none in common"):
        paired_interval({1: 1.0}, {2: 1.0})


@pytest.mark.parametrize(
    ("low", "high", "less", "greater", "not_less", "not_greater"),
    [
        (-2, -1, "supported", "refuted", "refuted", "supported"),
        (1, 2, "refuted", "supported", "supported", "refuted"),
        (-1, 1, "undecided", "undecided", "undecided", "undecided"),
        (0, 0, "refuted", "refuted", "supported", "supported"),
        (0, 1, "refuted", "undecided", "supported", "undecided"),
        (-1, 0, "undecided", "refuted", "undecided", "supported"),
    ],
)
def test_verdicts(low, high, less, greater, not_less, not_greater):
    expected = {"less": less, "greater": greater, "not_less": not_less, "not_greater": not_greater}
    for margin in (0, 5):
        interval = Interval((low + high) / 2 + margin, low + margin, high + margin, 3)
        assert {claim: verdict(interval, claim, margin) for claim in CLAIMS} == expected


def test_an_unknown_claim_is_refused():
    with pytest.raises(ExperimentError, match="not_greater"):
        verdict(Interval(0, 0, 0, 2), "better")


def test_rank_agreement_is_spearmans_over_known_pairs_of_different_tasks():
    generator = np.random.default_rng(3)
    predicted = generator.normal(size=(6, 6))
    measured = np.exp(predicted) + generator.normal(size=(6, 6))
    measured[0, 1] = np.nan
    np.fill_diagonal(measured, 1e6)
    known = ~np.eye(6, dtype=bool) & np.isfinite(measured)
    found = rank_agreement(predicted, measured)
    assert found.mean == pytest.approx(stats.spearmanr(predicted[known], measured[known]).statistic)
    assert -1 <= found.low < found.mean < found.high <= 1 and found.count == 6
    assert found == rank_agreement(predicted, measured) != rank_agreement(predicted, measured, seed=1)


def test_unrelated_rankings_have_an_interval_around_zero_and_opposite_ones_below_it():
    generator = np.random.default_rng(1)
    unrelated = rank_agreement(generator.normal(size=(7, 7)), generator.normal(size=(7, 7)))
    assert verdict(unrelated, "greater") == "undecided"
    effects = generator.normal(size=9)
    assert verdict(rank_agreement(effects, -effects), "less") == "supported"


@pytest.mark.parametrize("measured", [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, math.nan, math.nan]])
def test_rank_agreement_says_where_there_is_none(measured):
    found = rank_agreement(np.arange(4.0), np.array(measured))
    assert math.isnan(found.mean) and (found.low, found.high) == (-1, 1)


def test_rank_agreement_refuses_other_shapes():
    with pytest.raises(ExperimentError, match="shapes"):
        rank_agreement(np.zeros(3), np.zeros((3, 3)))


def test_missing_scipy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ExperimentError, match=r"t2t-multimodel\[experiments\]"):
        mean_interval([1.0, 2.0])
