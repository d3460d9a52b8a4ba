"""The largest batch that a problem can have."""

from __future__ import annotations

import numpy as np

from t2t_multimodel.data.input.pipeline import ProblemInput

# Positions that a pair of positions costs as much memory as, for each head and channel.
_PAIRS = 0.1


def largest_batch(source: ProblemInput) -> tuple[np.ndarray, float]:
    """The rows of the training batch that takes most memory, and its cost in positions of the body.

    Of each length bucket it takes as many rows as its largest batch has, the longest ones: no order of the examples
    makes a larger batch.

    Args:
        source: training split of a problem.

    Returns:
        rows of the split `[rows]`, and the cost, which compares batches of one pair of modalities.
    """
    batches = [_longest(source, rows, source.plan.largest_batch(bound)) for bound, rows in source.plan.buckets.items()]
    return max(batches, key=lambda batch: batch[1])


def _longest(source: ProblemInput, rows: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    own, other = _lengths(source)
    rows = rows[np.argsort(-(own[rows] + other[rows]), kind="stable")[:count]]
    first, second = float(own[rows].max()), float(other[rows].max())
    body = source.hparams.body
    pairs = first**2 + second**2 + first * second
    return rows, len(rows) * (first + second + _PAIRS * body.num_heads / body.depth * pairs)


def _lengths(source: ProblemInput) -> tuple[np.ndarray, np.ndarray]:
    """Positions of both sides of each example, those of an image as 1."""
    index = source.index
    own = source.problem.inputs.model_lengths(np.asarray(index.input_length))
    own = np.ones(len(index)) if own is None else np.asarray(own, float)
    return own, np.maximum(np.asarray(index.target_length, float), 1.0)
