import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.batching import BatchPlan, bucket_boundaries
from t2t_multimodel.errors import DataError


def plan(lengths, budget=64, boundaries=(8, 16, 32), seed=3):
    return BatchPlan(np.array(lengths), budget=budget, boundaries=list(boundaries), seed=seed, problem="p")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 32), min_size=1, max_size=200), st.integers(1, 100))
def test_an_epoch_visits_every_example_once_within_the_budget(lengths, budget):
    p = plan(lengths, budget)
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
