from collections import Counter

import numpy as np
import pytest

from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.base import MixingHParams

NAMES = ("a", "b", "c")
EXAMPLES = {"a": 100, "b": 400, "c": 1600}


def mixer(seed=0, **values):
    return ProblemMixer(NAMES, EXAMPLES, MixingHParams(**values), seed=seed)


def draws(m, start, stop):
    return [chosen for step in range(start, stop) for chosen in m.choose(step)]


def test_a_restored_mixer_continues_as_if_never_stopped():
    whole = draws(mixer(), 0, 60)
    first = mixer()
    head = draws(first, 0, 25)
    second = mixer()
    second.restore(first.state())
    assert head + draws(second, 25, 60) == whole


def test_problems_that_a_session_leaves_out_keep_their_place():
    whole = mixer()
    draws(whole, 0, 40)
    part = ProblemMixer(("c",), EXAMPLES, MixingHParams(), seed=0)
    part.restore(whole.state())
    draws(part, 40, 45)
    again = mixer()
    again.restore(part.state())
    assert again.batches.tolist() == [*whole.batches[:2], whole.batches[2] + 5]


def test_each_problem_gets_its_batches_in_order():
    for name in NAMES:
        numbers = [number for problem, number in draws(mixer(), 0, 200) if problem == name]
        assert numbers == list(range(len(numbers)))


def test_uniform_and_proportional_shares():
    uniform = Counter(p for p, _ in draws(mixer(), 0, 3000))
    assert all(900 < uniform[name] < 1100 for name in NAMES)
    tempered = mixer(scheme="proportional", temperature=2.0).probabilities()
    assert tempered == pytest.approx([10 / 70, 20 / 70, 40 / 70])


def test_weighted_shares():
    assert mixer(scheme="weighted", weights="a:3|b:0").probabilities() == pytest.approx([0.75, 0, 0.25])
    with pytest.raises(HParamsError, match="names no problem"):
        mixer(scheme="weighted", weights="z:3")


def test_adaptive_prefers_the_problem_with_the_higher_loss():
    m = mixer(scheme="adaptive", decay=0.5)
    for _ in range(20):
        m.observe("a", 8.0)
        m.observe("b", 1.0)
        m.observe("c", 1.0)
    assert m.probabilities() == pytest.approx([0.8, 0.1, 0.1], abs=1e-3)
    restored = mixer(scheme="adaptive", decay=0.5)
    restored.restore(m.state())
    assert restored.probabilities() == pytest.approx(m.probabilities())


def test_a_cap_limits_what_proportional_mixing_counts():
    assert mixer(scheme="proportional", cap=400).probabilities() == pytest.approx([1 / 9, 4 / 9, 4 / 9])
    both = mixer(scheme="proportional", cap=400, temperature=2.0).probabilities()
    assert both == pytest.approx([10 / 50, 20 / 50, 20 / 50])


def test_weights_follow_their_schedule():
    m = mixer(scheme="weighted", weights="a:1>4@1000>2@1500|b:0@100>5@200")
    shares = {step: [4 * w for w in m.probabilities(step) / m.probabilities(step)[2]] for step in (0, 150, 1250, 9999)}
    assert shares[0] == pytest.approx([4, 0, 4])
    assert shares[150] == pytest.approx([4 * 1.45, 10, 4])
    assert shares[1250] == pytest.approx([12, 20, 4])
    assert shares[9999] == pytest.approx([8, 20, 4])
    with pytest.raises(HParamsError, match="no problem at step 10"):
        mixer(scheme="weighted", weights="a:0|b:0|c:1>0@10>1@20")


def test_relative_mixing_goes_by_the_loss_over_its_baseline():
    m = ProblemMixer(
        NAMES, EXAMPLES, MixingHParams(scheme="relative", decay=0.0), seed=0, baselines={"a": 8, "b": 2, "c": 4}
    )
    assert m.probabilities() == pytest.approx([1 / 3] * 3)
    m.observe("a", 2.0)
    m.observe("b", 1.0)
    m.observe("c", 40.0)  # worse than its baseline, which counts as the baseline
    assert m.probabilities() == pytest.approx([0.25 / 1.75, 0.5 / 1.75, 1 / 1.75])


def test_a_problem_that_overfits_is_sampled_less_until_it_has_a_new_lowest_loss():
    m = mixer(overfit_patience=2, overfit_factor=0.5)
    assert m.observe_dev(10, {"a": 1.0, "b": 1.0}) == []
    assert m.observe_dev(20, {"a": 1.1, "b": 0.9}) == []
    assert m.observe_dev(20, {"a": 1.1, "b": 0.9}) == []  # the same evaluation again counts once
    (line,) = m.observe_dev(30, {"a": 1.05, "b": 0.95})
    assert "a overfits" in line and "0.5" in line and "1.0000" in line
    assert m.probabilities() == pytest.approx([0.2, 0.4, 0.4])
    (line,) = m.observe_dev(40, {"a": 0.5, "b": 0.8})
    assert "a has its lowest dev loss 0.5000" in line
    assert m.probabilities() == pytest.approx([0.2 * 5 / 3] * 3)


def test_the_realised_mix_stands_beside_the_wanted_one():
    m = mixer(scheme="weighted", weights="a:3>0@100|b:1|c:0")
    draws(m, 0, 2000)
    mix = m.mix()
    assert sum(part.batches for part in mix.values()) == 2000
    assert mix["c"] == (0, 0.0, 0.0)
    assert mix["b"].realised == pytest.approx(mix["b"].batches / 2000)
    assert 0.95 < mix["b"].wanted < 1 and abs(mix["b"].realised - mix["b"].wanted) < 0.02
    older = mixer(scheme="weighted", weights="a:1|b:1|c:0")
    older.restore({"a": {"batches": 30, "loss": 1.0}, "b": {"batches": 10, "loss": 1.0}})
    assert older.mix()["a"] == (30, 0.75, 0.75)


def test_distributed_parts_are_different_problems_in_turn():
    m = mixer(scheme="distributed")
    steps = [m.choose(step, 2) for step in range(600)]
    assert all(first != second for (first, _), (second, _) in steps)
    for start in range(0, 600, 3):
        counts = Counter(name for step in steps[start : start + 3] for name, _ in step)
        assert counts == dict.fromkeys(NAMES, 2)
    assert len({tuple(name for name, _ in step) for step in steps}) == 6  # in any order
    for name in NAMES:
        numbers = [number for step in steps for problem, number in step if problem == name]
        assert numbers == list(range(len(numbers)))
    assert len({name for name, _ in mixer(scheme="distributed").choose(0, 5)}) == 3


def test_distributed_parts_have_their_share_at_every_step():
    m = mixer(scheme="distributed", weights="a:3|b:0.5|c:0.5")
    for step in range(100):
        m.choose(step, 3)
        assert abs(m.batches - 3 * (step + 1) * np.array([0.75, 0.125, 0.125])).max() <= 1
    without = mixer(scheme="distributed", weights="a:0")
    assert {name for step in range(20) for name, _ in without.choose(step, 3)} == {"b", "c"}


def test_a_problem_behind_its_share_does_not_take_a_whole_distributed_step():
    m = mixer(scheme="distributed")
    m.restore({"a": {"batches": 0, "loss": 1.0, "wanted": 50.0}, "b": {"batches": 50, "loss": 1.0, "wanted": 0.0}})
    names = [name for step in range(20) for name, _ in m.choose(step, 2)]
    assert Counter(names) == {"a": 20, "c": 20}
    assert {name for name, _ in m.choose(20, 3)} == set(NAMES)


def test_parts_are_batches_of_one_problem_unless_distributed():
    m = mixer()
    for step in range(20):
        (name, number), *others = m.choose(step, 3)
        assert others == [(name, number + 1), (name, number + 2)]
    single = mixer()
    assert [m2 for m2, _ in draws(single, 0, 20)] == [mixer().choose(step, 3)[0][0] for step in range(20)]


def test_unknown_scheme_lists_the_known():
    with pytest.raises(HParamsError, match="proportional"):
        mixer(scheme="random")
