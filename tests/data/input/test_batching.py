import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.input.batching import BatchPlan, bucket_boundaries
from t2t_multimodel.errors import DataError


def plan(lengths, budget=64, boundaries=(8, 16, 32), seed=3, sort_key=None):
    return BatchPlan(
        np.array(lengths), budget=budget, boundaries=list(boundaries), seed=seed, problem="p", sort_key=sort_key
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 32), min_size=1, max_size=200), st.integers(1, 100), st.booleans())
def test_an_epoch_visits_every_example_once_within_the_budget(lengths, budget, has_key):
    p = plan(lengths, budget, sort_key=np.arange(len(lengths)) % 7 if has_key else None)
    for epoch in (0, 1):
        batches = [p.train_batch(epoch * p.batches_per_epoch + i) for i in range(p.batches_per_epoch)]
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        for rows in batches:
            assert len(rows) == 1 or len(rows) * max(lengths[i] for i in rows) <= max(budget, 32)
    assert sorted(np.concatenate(p.eval_batches())) == list(range(len(lengths)))


def test_batches_are_a_pure_function_of_seed_and_number():
    lengths = np.random.default_rng(0).integers(1, 33, 300)
    first, again, other = plan(lengths), plan(lengths), plan(lengths, seed=4)
    wanted = [list(first.train_batch(i)) for i in range(40)]
    assert [list(again.train_batch(i)) for i in reversed(range(40))][::-1] == wanted
    assert [list(other.train_batch(i)) for i in range(40)] != wanted


@pytest.mark.parametrize("boundaries", [range(2, 33, 2), [32]])
def test_sides_of_near_lengths_share_a_batch(boundaries):
    rng = np.random.default_rng(0)
    source, target = rng.integers(1, 33, 2000), rng.integers(1, 33, 2000)
    longer = np.maximum(source, target)

    def padding(p):
        batches = [p.train_batch(i) for i in range(p.batches_per_epoch)]
        slots = sum(side[rows].max() * len(rows) for rows in batches for side in (source, target))
        return 1 - (source.sum() + target.sum()) / slots

    mixed, alike = (plan(longer, 256, boundaries, sort_key=key) for key in (None, source - target))
    assert padding(alike) < 0.5 * padding(mixed)
    count = alike.batches_per_epoch
    first, second = ({frozenset(alike.train_batch(i)) for i in range(n * count, (n + 1) * count)} for n in (0, 1))
    assert len(first & second) < count / 2  # drawn anew each epoch


def test_longer_examples_are_left_out_and_counted():
    p = plan([4, 40, 8, 50])
    assert p.left_out == 2
    assert sorted(np.concatenate(p.eval_batches())) == [0, 2]


def test_no_examples_is_a_clear_error():
    with pytest.raises(DataError, match="no examples"):
        plan([])
    with pytest.raises(DataError, match="longer than 32"):
        plan([99])


def test_boundaries_grow_and_end_at_the_longest():
    bounds = bucket_boundaries(8, 100, 1.1)
    assert bounds[0] == 8
    assert bounds[-1] == 100
    assert sorted(set(bounds)) == bounds
