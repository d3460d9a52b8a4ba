"""Greedy search and sampling: rows alone, the distribution that is drawn from, seeds."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.decoding.greedy import greedy_search
from t2t_multimodel.decoding.prefix import PrefixConstraint
from t2t_multimodel.decoding.sampling import make_choice, uniform_numbers
from t2t_multimodel.decoding.steps import round_length
from tests.decoding.search_case import history_cache, history_step

VOCAB = 7


def greedy(seeds, lengths):
    cache = history_cache(seeds)
    return greedy_search(history_step(2, VOCAB), cache, tf.constant(lengths), max(lengths))


def by_hand(seed, length):
    step, cache, ids, total = history_step(2, VOCAB), history_cache([seed]), [], 0.0
    while len(ids) < length and (not ids or ids[-1] not in (0, 1)):
        scores, cache = step(tf.constant([ids[-1] if ids else 0]), cache)
        ids.append(int(tf.argmax(scores.logits[0])))
        total += float(tf.nn.log_softmax(scores.logits)[0, ids[-1]])
    return [one for one in ids if one], total


def test_each_row_takes_the_most_probable_id_until_it_ends():
    seeds, lengths = list(range(8)), [9, 3, 9, 1, 9, 6, 9, 9]
    found = greedy(seeds, lengths)
    for row, (seed, length) in enumerate(zip(seeds, lengths)):
        ids, total = by_hand(seed, length)
        assert [int(i) for i in found.ids[row, 0] if i] == ids
        assert float(found.scores[row, 0]) == pytest.approx(total, abs=1e-4)


def logits(rows=1):
    return tf.repeat(tf.constant([[1.0, 3.0, -2.0, 2.0, 0.5]]), rows, 0)


def drawn(count=20000, **how):
    uniform = tf.constant((np.arange(count, dtype=np.float32)[:, None] + 0.5) / count)
    ids = make_choice(uniform, **how)(logits(count), 0).numpy()
    return np.bincount(ids, minlength=5) / count


def test_drawn_ids_have_the_tempered_probabilities():
    for temperature in (1.0, 0.5, 2.0):
        expected = tf.nn.softmax(logits() / temperature)[0]
        np.testing.assert_allclose(drawn(temperature=temperature), expected, atol=2e-4)


def test_top_k_and_top_p_cut_the_tail():
    probabilities = tf.nn.softmax(logits())[0].numpy()
    expected = np.where([0, 1, 0, 1, 0], probabilities, 0)
    np.testing.assert_allclose(drawn(top_k=2), expected / expected.sum(), atol=2e-4)
    assert probabilities[1] < 0.8 < probabilities[1] + probabilities[3]
    np.testing.assert_allclose(drawn(top_p=0.8), expected / expected.sum(), atol=2e-4)
    np.testing.assert_allclose(drawn(top_p=0.1), [0, 1, 0, 0, 0])
    np.testing.assert_allclose(drawn(top_k=1), [0, 1, 0, 0, 0])


def test_no_forbidden_id_is_drawn():
    masked = logits() + tf.constant([[-1e9, -1e9, 0.0, -1e9, -1e9]])
    for value in (0.0, 0.5, 1.0 - 2.0**-24):
        for how in ({}, {"top_k": 4}, {"top_p": 0.9}):
            assert int(make_choice(tf.constant([[value]]), **how)(masked, 0)[0]) == 2


def test_numbers_depend_on_seed_and_key_alone():
    keys = [b"one", b"two", b"three"]
    numbers = uniform_numbers(5, keys, 8)
    assert numbers.dtype == np.float32 and (numbers >= 0).all() and (numbers < 1).all()
    np.testing.assert_array_equal(uniform_numbers(5, keys[::-1], 4)[::-1], numbers[:, :4])
    assert len(np.unique(numbers)) == 24
    assert not np.array_equal(uniform_numbers(6, keys, 8), numbers)


def test_a_prefix_holds_each_row_to_its_own_ids():
    constraint = PrefixConstraint(5)
    state = constraint.init_state(
        {name: tf.constant(value) for name, value in constraint.features([[3, 4], []]).items()}, tf.constant([9, 9])
    )
    free = []
    for _ in range(4):
        state = constraint.advance(state, tf.constant([0, 0]))
        free.append((constraint.penalties(state).numpy() == 0).tolist())
    everything = [True] * 5
    assert free[0] == [[False, False, False, True, False], everything]
    assert free[1] == [[False, False, False, False, True], everything]
    assert free[2:] == [[everything] * 2] * 2


def test_lengths_are_rounded_to_a_few():
    assert len({round_length(n) for n in range(1, 513)}) <= 8
    assert all(round_length(n) >= n for n in range(1, 2000))
