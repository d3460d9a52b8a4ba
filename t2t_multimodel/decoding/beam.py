"""Beam search with length penalty, as Tensor2Tensor's."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.body.cache import Cache, reorder_flags
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID
from t2t_multimodel.decoding.loop import Loop, run_to_end
from t2t_multimodel.decoding.steps import Found, Step, put, start_ids

_LOW = -1e7  # score of an output that is not there, as in Tensor2Tensor
_FORBIDDEN = -1e9


def length_penalty(length: tf.Tensor, alpha: float) -> tf.Tensor:
    """`((5 + length) / 6) ** alpha`, what a sum of log-probabilities is divided by.

    Reference: Wu et al., "Google's Neural Machine Translation System", 2016, section 7.

    Example:

        length_penalty(tf.constant(7), alpha=1.0)  # 2
    """
    return tf.pow((5.0 + tf.cast(length, tf.float32)) / 6.0, alpha)


def beam_search(
    step: Step,
    cache: Cache,
    max_lengths: tf.Tensor,
    length: int,
    *,
    beams: int,
    alpha: float = 0.6,
    stop_early: bool = True,
    start: tf.Tensor | None = None,
) -> Found:
    """The `beams` best outputs for each input among those that a beam of that size meets.

    At each position the best `2 * beams` extensions are taken: those that end compete with the outputs that ended
    before, by penalized score; of the others the best `beams` go on. An input whose beam never ends gives what is in
    it, ranked by the plain sums.

    Args:
        step: from ids `[batch * beams]` and cache to scores and next cache; the rows of an input stand together.
        cache: before the first id; leaves that `reorder_flags` names have `batch * beams` rows.
        max_lengths: int32 `[batch]`; no output is longer.
        length: longest output of the batch, a Python int.
        beams: 2 or more; half of the number of ids at most.
        alpha: of the length penalty; 0 for none.
        stop_early: ends once no beam can beat the best output; the others may not be the best then. False: once none
            can beat any of the `beams` outputs. Either way, what is final does not depend on the rest of the batch.
        start: ids before the first `[batch]`; None for padding.

    Returns:
        `beams` outputs an input, best penalized score first.

    Reference: Tensor2Tensor 1.9.0, `utils/beam_search.py`.

    Example:

        found = beam_search(step, cache, tf.fill([batch], 20), length=32, beams=4)
        found.ids  # [batch, 4, 32]
    """
    how = {"beams": beams, "alpha": alpha, "stop_early": stop_early, "start": start}
    return run_to_end(beam_loop(step, cache, max_lengths, length, **how))


def beam_loop(
    step: Step,
    cache: Cache,
    max_lengths: tf.Tensor,
    length: int,
    *,
    beams: int,
    alpha: float = 0.6,
    stop_early: bool = True,
    start: tf.Tensor | None = None,
) -> Loop:
    """The loop of `beam_search`, which takes the same arguments."""
    batch, flags = tf.shape(max_lengths)[0], reorder_flags(cache)
    first_row = tf.range(batch)[:, tf.newaxis] * beams

    def unfinished(at, before, alive, alive_sums, ended, ended_scores, cache):
        del before, alive, ended, cache
        reachable = alive_sums[:, 0] / length_penalty(max_lengths, alpha)
        kept = (tf.reduce_max if stop_early else tf.reduce_min)(ended_scores, axis=1)
        return (at < length) & tf.reduce_any((at < max_lengths) & (kept <= reachable))

    def extend(at, before, alive, alive_sums, ended, ended_scores, cache):
        scores, cache = step(before, cache)
        sums, parents, ids = _extensions(scores, alive_sums, 2 * beams)
        grown = put(tf.gather(alive, parents, batch_dims=1), at, ids)  # [batch, 2 * beams, length]
        ends, going = tf.equal(ids, END_ID), at < max_lengths
        # What ended never goes on, even where a constraint forbids all that does not end.
        going_sums, chosen = tf.math.top_k(sums + tf.where(ends, _FORBIDDEN, 0.0), beams)
        rows, next_ids = tf.gather(first_row + parents, chosen, batch_dims=1), tf.gather(ids, chosen, batch_dims=1)
        candidates = tf.concat([ended_scores, tf.where(ends, sums / length_penalty(at + 1, alpha), _LOW)], 1)
        best_scores, best = tf.math.top_k(candidates, beams)
        best_ended = tf.gather(tf.concat([ended, grown], 1), best, batch_dims=1)
        return (
            at + 1,
            tf.reshape(next_ids, [-1]),
            tf.where(going[:, tf.newaxis, tf.newaxis], tf.gather(grown, chosen, batch_dims=1), alive),
            tf.where(going[:, tf.newaxis], going_sums, alive_sums),
            tf.where(going[:, tf.newaxis, tf.newaxis], best_ended, ended),
            tf.where(going[:, tf.newaxis], best_scores, ended_scores),
            _reordered(cache, flags, tf.reshape(rows, [-1])),
        )

    def found(at, before, alive, alive_sums, ended, ended_scores, cache):
        del at, before, cache
        sums = ended_scores * length_penalty(tf.math.count_nonzero(ended, -1, dtype=tf.int32), alpha)
        some = tf.reduce_any(ended_scores > 0.5 * _LOW, axis=1, keepdims=True)
        return Found(
            tf.where(some[:, :, tf.newaxis], ended, alive),
            tf.where(some, sums, alive_sums),
            tf.where(some, ended_scores, alive_sums),
        )

    none = tf.zeros([batch, beams, length], tf.int32)
    first = tf.tile([[0.0] + [_FORBIDDEN] * (beams - 1)], [batch, 1])
    before = start_ids(batch * beams) if start is None else tf.repeat(start, beams)
    state = (0, before, none, first, none, tf.fill([batch, beams], _LOW), cache)
    return Loop(state, unfinished, extend, found, growing=lambda at, before, alive, *rest: alive[:, 0])


def _extensions(scores, alive_sums, count):
    """The best `count` extensions of each input's beams: sums, beam and id, each `[batch, count]`, best first.

    The best of all are among the best of each beam, which are found without normalizing all logits.
    """
    beams = alive_sums.shape[1]
    of_each = min(count + 1, scores.logits.shape[-1])
    values, ids = tf.math.top_k(scores.logits, of_each)
    values = tf.where(tf.equal(ids, PAD_ID), _FORBIDDEN, values - scores.total[:, tf.newaxis])
    sums = tf.reshape(values, [-1, beams, of_each]) + alive_sums[:, :, tf.newaxis]
    best, where = tf.math.top_k(tf.reshape(sums, [-1, beams * of_each]), count)
    ids = tf.gather(tf.reshape(ids, [-1, beams * of_each]), where, batch_dims=1)
    return best, where // of_each, ids


def _reordered(cache: Cache, flags: Cache, rows: tf.Tensor) -> Cache:
    return tf.nest.map_structure(lambda leaf, moves: tf.gather(leaf, rows) if moves else leaf, cache, flags)
