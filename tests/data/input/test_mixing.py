from collections import Counter

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


def test_distributed_parts_are_different_problems_drawn_evenly():
    m = mixer(scheme="distributed")
    steps = [m.choose(step, 2) for step in range(600)]
    assert all(first != second for (first, _), (second, _) in steps)
    counts = Counter(name for step in steps for name, _ in step)
    assert all(350 < counts[name] < 450 for name in NAMES)
    for name in NAMES:
        numbers = [number for step in steps for problem, number in step if problem == name]
        assert numbers == list(range(len(numbers)))
    assert len({name for name, _ in mixer(scheme="distributed").choose(0, 5)}) == 3


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
