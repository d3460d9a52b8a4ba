"""Searches of a trained model: beams, samples, prefixes, and outputs that depend on their input alone."""

import numpy as np
import pytest

from t2t_multimodel import load
from t2t_multimodel.errors import MultiModelError

SENTENCES = ["a small red circle", "a blue square is above a green triangle", "the circle", "a big yellow star"]


@pytest.fixture(scope="module")
def model(mini_run):
    return load(mini_run)


def outputs(model, inputs=SENTENCES, **how):
    return model.generate("mini_parsing", inputs, **{"extra_length": 6, "constrained": False, **how})


def assert_same(found, expected):
    """Equal to rounding."""
    assert [one.text for one in found] == [one.text for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert [beam.text for beam in one.beams] == [beam.text for beam in other.beams]
        np.testing.assert_allclose([beam.score for beam in one.beams], [beam.score for beam in other.beams], atol=1e-4)


@pytest.mark.parametrize(
    "how",
    [{}, {"beam_size": 3}, {"beam_size": 3, "alpha": 0.0}, {"sampling_method": "random", "sampling_seed": 4}],
    ids=["greedy", "beam", "beam_without_penalty", "sampling"],
)
def test_outputs_depend_on_their_input_alone(model, how):
    together = outputs(model, **how)
    assert_same(outputs(model, SENTENCES[::-1], batch_size=3, **how)[::-1], together)
    assert_same(outputs(model, SENTENCES[1:2], **how), together[1:2])


def test_a_compiled_search_gives_the_same(model):
    """Rows and source are filled up to rounded sizes there."""
    sound = [(np.linspace(-0.1, 0.1, size).astype(np.float32), 8000) for size in (4000, 6000, 9000)]
    for problem, values in (("mini_parsing", SENTENCES[:3]), ("mini_speech", sound)):
        plain = model.generate(problem, values, extra_length=6)
        assert_same(model.generate(problem, values, extra_length=6, compile="xla"), plain)
    how = {"sampling_method": "random", "sampling_seed": 4}
    assert_same(outputs(model, SENTENCES[:3], compile="xla", **how), outputs(model, SENTENCES[:3], **how))


@pytest.mark.parametrize("how", [{}, {"beam_size": 3}], ids=["greedy", "beam"])
def test_a_search_in_bfloat16_scores_nearly_as_in_float32(model, how):
    plain = [one.score for one in outputs(model, **how)]
    mixed = [one.score for one in outputs(model, precision="bfloat16", **how)]
    assert all(score != other for score, other in zip(mixed, plain, strict=True))
    np.testing.assert_allclose(mixed, plain, rtol=0.02)


def test_scores_of_outputs_are_those_of_given_targets(model):
    for problem, values in (("mini_parsing", SENTENCES), ("mini_speech", [(np.ones(4000, np.float32) * 0.1, 8000)])):
        for output in model.generate(problem, values, beam_size=3, extra_length=6, constrained=False):
            assert len({beam.text for beam in output.beams}) >= 1 and output.score == output.beams[0].score
            ranks = [beam.penalized for beam in output.beams]
            assert ranks == sorted(ranks, reverse=True)


def test_a_beam_gives_one_output_or_all(model):
    many, one = outputs(model, beam_size=4), outputs(model, beam_size=4, return_beams=False)
    assert all(len(output.beams) == 4 for output in many) and all(len(output.beams) == 1 for output in one)
    assert [output.text for output in one] == [output.text for output in many]


def test_a_beam_is_at_least_as_probable_as_greedy_without_penalty(model):
    wide, narrow = outputs(model, beam_size=8, alpha=0.0), outputs(model)
    assert sum(output.score for output in wide) >= sum(output.score for output in narrow) - 1e-4


def test_a_temperature_of_zero_and_one_best_id_are_greedy(model):
    greedy = outputs(model)
    assert_same(outputs(model, sampling_method="random", sampling_temp=0.0), greedy)
    assert_same(outputs(model, sampling_method="random", sampling_keep_top_k=1, sampling_seed=9), greedy)


def test_seeds_give_different_samples(model):
    seeds = [tuple(one.text for one in outputs(model, sampling_method="random", sampling_seed=s)) for s in (1, 2, 1)]
    assert seeds[0] == seeds[2] != seeds[1]


def test_outputs_begin_with_a_prefix(model):
    for how in ({}, {"beam_size": 3}):
        found = model.generate("mini_speech", [(np.ones(4000, np.float32) * 0.1, 8000)], prefix="a red", **how)
        assert all(beam.text.startswith("a red") for beam in found[0].beams)
        assert found[0].score > -1e6


def test_traces_are_shared(mini_run):
    model = load(mini_run)
    for how in ({"batch_size": 2}, {"batch_size": 3}, {"extra_length": 7}):
        outputs(model, **how)
    assert len(model.keras_model.traces) == 1


def test_a_beam_that_does_not_fit_the_vocabulary_is_one_line(model):
    with pytest.raises(MultiModelError, match="give at most"):
        outputs(model, beam_size=100000)
