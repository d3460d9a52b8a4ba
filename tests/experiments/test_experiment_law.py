import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.law import EXPONENTS, PowerLaw, Threshold, fit, fit_interaction, threshold

SIZES = (100, 200, 400, 800, 1600)


def _losses(law, sizes=SIZES, seeds=3, noise=0.0, seed=0):
    """By size and seed, `law(n)` with noise that falls with the size."""
    generator = np.random.default_rng(seed)
    return {n: {s: law(n) + noise * (sizes[0] / n) ** 0.4 * generator.normal() for s in range(seeds)} for n in sizes}


def _joint(single, interaction):
    return {n: {s: loss + interaction(n) for s, loss in seeds.items()} for n, seeds in single.items()}


def _threshold(interaction, beyond=2.0, noise=0.0, seeds=3) -> Threshold:
    single = _losses(lambda n: 1 + n**-0.5)
    added = _losses(interaction, noise=noise, seeds=seeds)
    joint = {n: {s: single[n][s] + added[n][s] for s in added[n]} for n in single}
    return threshold(fit_interaction(single, joint), beyond)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 3), st.floats(0.5, 10), st.floats(0.05, 1.5))
def test_a_noiseless_law_is_found(constant, factor, exponent):
    law = fit(_losses(lambda n: constant + factor * n**-exponent), resamples=2)
    span = factor * (SIZES[0] ** -exponent - SIZES[-1] ** -exponent)
    for n in SIZES:
        assert law.at(n).mean == pytest.approx(constant + factor * n**-exponent, abs=1e-4 * span)
    assert law.exponent.mean == pytest.approx(exponent, abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.01, 10), min_size=5, max_size=5), st.integers(0, 99))
def test_whatever_the_losses_the_law_is_within_its_bounds_and_intervals_hold_it(losses, seed):
    law = fit({n: {1: loss, 2: loss * 1.1} for n, loss in zip(SIZES, losses)}, resamples=20, seed=seed)
    assert law.constant.mean >= 0 and law.factor.mean >= 0
    assert EXPONENTS[0] <= law.exponent.low and law.exponent.high <= EXPONENTS[1]
    for interval in (law.constant, law.factor, law.exponent, law.at(100), law.at(3000)):
        assert interval.low <= interval.mean <= interval.high and interval.count == 10


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    hits = 0
    for seed in range(60):
        law = fit(_losses(lambda n: 0.5 + 8 * n**-0.4, noise=0.03, seed=seed))
        interval = law.at(400)
        hits += interval.low <= 0.5 + 8 * 400**-0.4 <= interval.high
    assert 51 <= hits <= 60


def test_a_fit_is_that_of_scipy_and_the_same_again():
    from scipy.optimize import curve_fit

    losses = _losses(lambda n: 0.5 + 8 * n**-0.4, noise=0.1, seed=5)
    points = [(n, loss) for n in losses for loss in losses[n].values()]
    theirs, _ = curve_fit(lambda n, e, a, b: e + a * n**-b, *np.array(points).T, p0=(0.5, 8, 0.4), maxfev=10000)
    law = fit(losses)
    np.testing.assert_allclose([law.constant.mean, law.factor.mean, law.exponent.mean], theirs, rtol=1e-3)
    assert law == fit(losses) and law != fit(losses, seed=1)


def test_as_many_losses_as_parameters_have_no_interval():
    law = fit(_losses(lambda n: 1 + n**-0.5, sizes=(100, 200, 400), seeds=1))
    assert (law.exponent.low, law.exponent.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    "losses",
    [
        {},
        {100: {1: 1.0}, 200: {1: 0.9, 2: 0.8}},
        {0: {1: 1.0}, 100: {1: 0.9}, 200: {1: 0.8}},
        {100: {1: math.nan}, 200: {1: 0.9}, 300: {1: 0.8}},
    ],
)
def test_losses_that_determine_no_law_are_refused(losses):
    with pytest.raises(ExperimentError):
        fit(losses)


def test_an_interaction_is_fitted_to_the_seeds_that_both_have():
    single = _losses(lambda n: 0.5 + 8 * n**-0.4, noise=0.5)
    joint = _joint(single, lambda n: 0.1 - 4 * n**-0.6)
    joint[100][9] = 1e6
    law = fit_interaction(single, joint)
    np.testing.assert_allclose([law.constant.mean, law.factor.mean, law.exponent.mean], [0.1, -4, 0.6], rtol=1e-3)
    with pytest.raises(ExperimentError, match="3 sizes"):
        fit_interaction(single, {n: joint[n] for n in SIZES[:2]})


@settings(max_examples=25, deadline=None)
@given(st.floats(60, 3000), st.floats(0.1, 1.5), st.floats(0.01, 1))
def test_the_threshold_is_where_the_interaction_changes_sign(at, exponent, competition):
    found = _threshold(lambda n: competition * (1 - (at / n) ** exponent))
    assert found.helps == "below" and found.examples.mean == pytest.approx(at, rel=0.02)
    found = _threshold(lambda n: -competition * (1 - (at / n) ** exponent))
    assert found.helps == "above" and found.examples.mean == pytest.approx(at, rel=0.02)


def test_no_threshold_beyond_the_range_that_was_measured():
    far = lambda n: 0.1 * (1 - (4000 / n) ** 0.5)  # noqa: E731
    assert _threshold(far) == Threshold(
        "throughout", None, (50, 3200), {"below": 0, "above": 0, "throughout": 1, "nowhere": 0}
    )
    assert _threshold(lambda n: 0.1 * (1 - (20 / n) ** 0.5)).helps == "nowhere"
    near = lambda n: 0.1 * (1 - (2000 / n) ** 0.5)  # noqa: E731
    assert _threshold(near).helps == "below" and _threshold(near, beyond=1.0).helps == "throughout"
    with pytest.raises(ExperimentError, match="between 1 and 2"):
        _threshold(near, beyond=3.0)


def test_noise_widens_the_interval_of_the_threshold_and_splits_its_shares():
    interaction = lambda n: 0.1 * (1 - (400 / n) ** 0.6)  # noqa: E731
    little, much = _threshold(interaction, noise=0.01), _threshold(interaction, noise=0.5)
    assert little.examples.low < 400 < little.examples.high < 800 and little.shares["below"] == 1
    assert max(much.shares.values()) < 1 and sum(much.shares.values()) == pytest.approx(1)
    assert much.examples is None or much.examples.high - much.examples.low > 4 * (
        little.examples.high - little.examples.low
    )


def test_a_law_shows_its_numbers_alone():
    law = fit(_losses(lambda n: 1 + n**-0.5))
    assert isinstance(law, PowerLaw) and law.examples == SIZES and "samples" not in repr(law)
