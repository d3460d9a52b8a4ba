"""What holds of every mix: shares sum to one, a draw is a function of (seed, step, state), restored is continued."""

import copy
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.hparams.base import HParams

NAMES = ("a", "b", "c")
FACTOR = st.floats(0, 1)
POSITIVE = st.floats(0.01, 100)


@st.composite
def mixers(draw):
    """A mixer of any scheme, and what makes another one like it."""
    scheme = draw(st.sampled_from(["uniform", "proportional", "weighted", "adaptive", "relative", "distributed"]))
    values = {"scheme": scheme}
    if scheme == "proportional":
        values |= {"temperature": draw(st.floats(0.5, 20)), "cap": draw(st.integers(0, 500))}
    if scheme in ("weighted", "distributed"):
        first, second, third = (draw(POSITIVE) for _ in range(3))
        values["weights"] = f"a:{first}|b:{second}>{third}@{draw(st.integers(1, 30))}>0@40"
    values |= {"overfit_patience": draw(st.integers(0, 2)), "overfit_factor": draw(FACTOR)}
    mixing = HParams().override(**{f"mixing__{name}": value for name, value in values.items()}).check().mixing
    examples = {name: draw(st.integers(1, 10**6)) for name in NAMES}
    baselines = {name: draw(POSITIVE) for name in NAMES}
    seed = draw(st.integers(0, 5))
    return lambda: ProblemMixer(NAMES, examples, mixing, seed=seed, baselines=baselines)


def steps(mixer, start, stop, losses):
    """Draws, losses and evaluations as in a training."""
    drawn = []
    for step in range(start, stop):
        drawn.append(mixer.choose(step, 2))
        if mixer.needs_losses:
            mixer.observe(drawn[-1][0][0], losses[step])
        if step % 5 == 4:
            mixer.observe_dev(step + 1, {name: losses[step - place] for place, name in enumerate(NAMES)})
    return drawn


LOSSES = st.lists(st.floats(0, 50), min_size=50, max_size=50)


@settings(max_examples=60, deadline=None)
@given(mixers(), LOSSES)
def test_shares_are_probabilities_at_every_step(make, losses):
    mixer = make()
    for step in range(0, 50, 5):
        steps(mixer, step, step + 5, losses)
        shares = mixer.probabilities(step)
        assert shares.shape == (3,) and (shares >= 0).all() and abs(shares.sum() - 1) < 1e-9
    mix = mixer.mix().values()
    assert abs(sum(part.realised for part in mix) - 1) < 1e-9 and abs(sum(part.wanted for part in mix) - 1) < 1e-9


@settings(max_examples=60, deadline=None)
@given(mixers(), LOSSES, st.integers(0, 49))
def test_a_draw_depends_on_seed_step_and_state_alone(make, losses, step):
    mixer = make()
    steps(mixer, 0, step, losses)
    again = make()
    again.restore(mixer.state())
    np.random.seed(step)  # the process's own generator has no part in it
    assert copy.deepcopy(mixer).choose(step) == again.choose(step) == mixer.choose(step)


@settings(max_examples=60, deadline=None)
@given(mixers(), LOSSES, st.integers(0, 50))
def test_what_is_restored_goes_on_as_if_never_stopped(make, losses, cut):
    whole, first, second = make(), make(), make()
    expected = steps(whole, 0, 50, losses)
    head = steps(first, 0, cut, losses)
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert head + steps(second, cut, 50, losses) == expected
    assert second.state() == whole.state()
