"""A part of a problem's training examples, as if its corpus were smaller."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.hparams.weights import parse_counts


def training_part(index: RecordIndex, problem: str, batching, warn: Callable[[str], None]) -> RecordIndex:
    """The examples that `batching.examples` leaves of a training split.

    They are the first of a permutation drawn from the problem's name alone: runs of all seeds see the same ones, and a
    smaller part is contained in a larger one.

    Args:
        index: of the whole split.
        problem: its name.
        batching: hparams group.
        warn: called with one line where the split has fewer examples.
    """
    count = parse_counts(batching.examples, "batching.examples").get(problem, len(index))
    if count > len(index):
        warn(f"batching.examples wants {count} examples of {problem}, which has {len(index)} to train on; all are used")
    if count >= len(index):
        return index
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([*problem.encode()])))
    return index.only(np.sort(rng.permutation(len(index))[:count]))
