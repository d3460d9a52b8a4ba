"""The largest batch that a problem can have."""

from __future__ import annotations

import numpy as np

from t2t_multimodel.data.input.pipeline import ProblemInput

# Positions that a pair of positions costs as much memory as, for each head and channel.
_PAIRS = 0.1


def largest_batch(source: ProblemInput) -> np.ndarray:
    """The rows of the training batch that takes most memory, whatever the order of the examples is.

    Of each length bucket it takes as many rows as its largest batch has: those that are longest on one side, and then
    those that are longest on both together.

    Args:
        source: training split of a problem.

    Returns:
        rows of the split `[rows]`.
    """
    plan = source.plan
    batches = [_longest(source, rows, plan.largest_batch(bound)) for bound, rows in plan.buckets.items()]
    return max(batches, key=lambda rows: batch_cost(source, rows))


def batch_cost(source: ProblemInput, rows: np.ndarray) -> float:
    """What a batch of these rows costs in memory, in positions: it compares batches of one pair of modalities."""
    own, other = (float(lengths[rows].max()) for lengths in _lengths(source))
    body = source.hparams.body
    pairs = own**2 + other**2 + own * other
    return len(rows) * (own + other + _PAIRS * body.num_heads / body.depth * pairs)


def _longest(source: ProblemInput, rows: np.ndarray, count: int) -> np.ndarray:
    own, other = (lengths[rows] for lengths in _lengths(source))
    order = np.argsort(-(own + other), kind="stable").tolist()
    if count > 1:
        order = list(dict.fromkeys([int(own.argmax()), int(other.argmax()), *order]))
    return rows[order[:count]]


def _lengths(source: ProblemInput) -> tuple[np.ndarray, np.ndarray]:
    """Positions of both sides of each example, those of an image as 1."""
    index = source.index
    own = source.problem.inputs.model_lengths(np.asarray(index.input_length))
    own = np.ones(len(index)) if own is None else np.asarray(own, float)
    return own, np.maximum(np.asarray(index.target_length, float), 1.0)
