"""Beam search: Tensor2Tensor's results, exhaustive search, independence of rows."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.decoding.beam import beam_search, length_penalty
from t2t_multimodel.decoding.steps import NO_OUTPUT
from tests.decoding.search_case import history_cache, history_step, table_cache, table_step

VOCAB = 6


def test_golden(golden_dir):
    golden = np.load(golden_dir / "beam_search.npz")
    beams, length = int(golden["beam"]), int(golden["decode_length"])
    start = golden["initial_ids"]
    found = beam_search(
        table_step(golden["table"]),
        table_cache(3 * beams),
        tf.fill([3], length),
        length,
        beams=beams,
        alpha=float(golden["alpha"]),
        start=tf.constant(start, tf.int32),
    )
    expected = golden["ids"]
    ids = np.concatenate([np.tile(start[:, None, None], [1, beams, 1]), found.ids], -1)
    np.testing.assert_array_equal(ids[:, :, : expected.shape[-1]], expected)
    assert not ids[:, :, expected.shape[-1] :].any()
    np.testing.assert_allclose(found.penalized, golden["scores"], atol=1e-5, rtol=1e-5)


def test_the_length_penalty_is_as_written():
    np.testing.assert_allclose(length_penalty(tf.constant([1, 7]), 0.6), [1.0, 2.0**0.6], rtol=1e-6)


def search(seeds, *, lengths=5, beams=4, alpha=0.6, stop_early=False, size=8):
    lengths = tf.constant(np.broadcast_to(lengths, len(seeds)), tf.int32)
    cache = history_cache(seeds, beams)
    run = tf.function(
        lambda lengths, cache: beam_search(
            history_step(1, VOCAB), cache, lengths, size, beams=beams, alpha=alpha, stop_early=stop_early
        )
    )
    return run(lengths, cache)


def every_output(seed, length):
    """All outputs that end within `length` ids, and their sums of log-probabilities."""
    step, best = history_step(1, VOCAB), []
    for size in range(1, length + 1):
        for body in itertools.product(range(2, VOCAB), repeat=size - 1):
            cache, before, total = history_cache([seed]), 0, 0.0
            for one in (*body, 1):
                scores, cache = step(tf.constant([before]), cache)
                total += float(scores.log_probabilities(tf.constant([one]))[0])
                before = one
            best.append((total, (*body, 1)))
    return best


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all(alpha):
    found = search([3], lengths=3, beams=3, alpha=alpha)
    everything = every_output(3, 3)
    ranked = sorted(everything, key=lambda one: one[0] / ((5 + len(one[1])) / 6) ** alpha, reverse=True)
    total, ids = ranked[0]
    assert tuple(i for i in found.ids[0, 0].numpy() if i) == ids
    assert float(found.scores[0, 0]) == pytest.approx(total, abs=1e-5)
    assert float(found.penalized[0, 0]) == pytest.approx(total / ((5 + len(ids)) / 6) ** alpha, abs=1e-5)


def test_scores_are_those_of_the_ids_and_outputs_differ():
    found = search([3, 4], lengths=[5, 4])
    for row, seed in enumerate([3, 4]):
        outputs = []
        for ids, score in zip(found.ids[row].numpy(), found.scores[row].numpy()):
            cache, before, total = history_cache([seed]), 0, 0.0
            for one in ids[ids != 0]:
                scores, cache = history_step(1, VOCAB)(tf.constant([before]), cache)
                total += float(scores.log_probabilities(tf.constant([one]))[0])
                before = int(one)
            assert score == pytest.approx(total, abs=1e-4)
            outputs.append(tuple(ids))
        assert len(set(outputs)) == 4
    assert (np.diff(found.penalized) <= 0).all()


@pytest.mark.parametrize("stop_early", [False, True])
def test_rows_do_not_depend_on_each_other(stop_early):
    """What is final: the whole beam, or where the search stops early its best output."""
    seeds, lengths = [3, 4, 5, 6], [2, 8, 5, 3]
    final = slice(None, 1 if stop_early else None)
    together = search(seeds, lengths=lengths, stop_early=stop_early)
    backwards = search(seeds[::-1], lengths=lengths[::-1], stop_early=stop_early)
    for row, (seed, length) in enumerate(zip(seeds, lengths)):
        alone = search([seed], lengths=length, stop_early=stop_early, size=length)
        for other, at in ((alone, 0), (backwards, 3 - row)):
            np.testing.assert_array_equal(other.ids[at, final], together.ids[row, final, : other.ids.shape[-1]])
            np.testing.assert_allclose(other.penalized[at, final], together.penalized[row, final], atol=1e-5)
        assert not together.ids[row, :, length:].numpy().any()


def test_stopping_early_finds_the_same_best_output():
    seeds = list(range(12))
    early, late = (search(seeds, lengths=8, stop_early=stop) for stop in (True, False))
    np.testing.assert_array_equal(early.ids[:, 0], late.ids[:, 0])


def test_what_never_ends_is_given_as_it_is():
    table = np.zeros([9, 9], np.float32)
    table[:, 1] = -1e6
    table[:, 3] = 1.0
    found = beam_search(table_step(table), table_cache(4), tf.constant([3, 2]), 4, beams=2)
    np.testing.assert_array_equal(found.ids[:, 0], [[3, 3, 3, 0], [3, 3, 0, 0]])
    np.testing.assert_allclose(found.scores, found.penalized)


def test_nothing_follows_an_end_where_all_else_is_forbidden():
    table = np.full([9, 9], -1e9, np.float32)
    table[0, [2, 3, 4]] = [2.0, 1.0, 0.0]
    table[[2, 3], 1] = 0.0
    table[4, [1, 5]] = table[5, [1, 6]] = 0.0
    table[1, 2:] = 0.0  # what would follow an end
    found = beam_search(table_step(table), table_cache(4), tf.constant([6]), 6, beams=4, stop_early=False)
    outputs = {tuple(ids[ids != 0]) for ids, rank in zip(found.ids[0].numpy(), found.penalized[0]) if rank > NO_OUTPUT}
    assert outputs == {(2, 1), (3, 1), (4, 1), (4, 5, 1)}
