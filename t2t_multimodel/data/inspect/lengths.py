"""Lengths of a split's examples: histograms, and what buckets an hparams set puts them in."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import numpy as np

from t2t_multimodel.data.input.batching import plan_for
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.spec import InputSpec

_BINS = 12


@dataclasses.dataclass(frozen=True)
class Bin:
    """Examples with `low` <= length < `high`."""

    low: float
    high: float
    count: int


@dataclasses.dataclass(frozen=True)
class Bucket:
    """What one bucket of a batch plan holds.

    Attributes:
        bound: greatest length in it, or None for all buckets together: ids, samples, or 1 for pictures.
        examples: in it.
        batches: of an epoch.
        input_padding, target_padding: share of padding from 0 to 1 where each batch is padded to its longest row;
            None where a side has no length.
    """

    bound: int | None
    examples: int
    batches: int
    input_padding: float | None
    target_padding: float | None


def histogram(lengths: np.ndarray, bins: int = _BINS) -> list[Bin]:
    """Counts lengths in at most about `bins` bins of equal, round width (1, 2 or 5 times a power of ten).

    Args:
        lengths: `[examples]`; bins of integers have integer bounds.
        bins: how many are aimed at.
    """
    if not len(lengths):
        return []
    low, high = float(lengths.min()), float(lengths.max())
    integers = np.issubdtype(lengths.dtype, np.integer)
    width = _round_width((high - low + integers) / bins)
    if integers:
        width = max(1.0, width)
    first, last = math.floor(low / width + 1e-9), math.floor(high / width + 1e-9)
    places = np.clip(np.floor(lengths / width + 1e-9).astype(np.int64), first, last)
    counts = np.bincount(places - first, minlength=last - first + 1)
    return [Bin((first + at) * width, (first + at + 1) * width, int(count)) for at, count in enumerate(counts)]


def _round_width(width: float) -> float:
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= width * (1 - 1e-9))


def bucket_table(problem: Problem, index: RecordIndex, hparams, *, training: bool) -> tuple[list[Bucket], int]:
    """Occupancy and padding of the buckets that a split falls into; the last row sums up the others.

    Args:
        problem: the problem.
        index: of its split.
        hparams: all hparams.
        training: the plan is that of training, which leaves out text longer than `batching.max_length`.

    Returns:
        the rows, and how many examples are left out.
    """
    plan = plan_for(
        problem.inputs,
        index,
        hparams.batching,
        hparams.modalities,
        seed=0,
        problem=problem.name,
        training=training,
    )
    sides = {"input": problem.inputs.model_lengths(index.input_length)}
    sides["target"] = index.target_length if problem.targets.length_unit else None
    sums: dict[int, _Sums] = defaultdict(_Sums)
    batches = map(plan.train_batch, range(plan.batches_per_epoch)) if training else plan.eval_batches()
    for rows in batches:
        sums[plan.bucket_of(rows)].add(rows, sides)
    whole = _Sums()
    for part in sums.values():
        whole.join(part)
    return [*(sums[bound].bucket(bound) for bound in sorted(sums)), whole.bucket(None)], plan.left_out


@dataclasses.dataclass
class _Sums:
    """Of batches: rows, and of each side real and padded positions."""

    examples: int = 0
    batches: int = 0
    real: dict[str, int] = dataclasses.field(default_factory=dict)
    padded: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, rows: np.ndarray, sides: dict[str, np.ndarray | None]) -> None:
        self.examples += len(rows)
        self.batches += 1
        for side, lengths in sides.items():
            if lengths is not None:
                chosen = lengths[rows].astype(np.int64)
                self.real[side] = self.real.get(side, 0) + int(chosen.sum())
                self.padded[side] = self.padded.get(side, 0) + int(chosen.max()) * len(rows)

    def join(self, other: _Sums) -> None:
        self.examples += other.examples
        self.batches += other.batches
        for mine, theirs in ((self.real, other.real), (self.padded, other.padded)):
            for side, count in theirs.items():
                mine[side] = mine.get(side, 0) + count

    def bucket(self, bound: int | None) -> Bucket:
        share = {side: 1 - self.real[side] / max(1, padded) for side, padded in self.padded.items()}
        return Bucket(bound, self.examples, self.batches, share.get("input"), share.get("target"))


def bound_text(bucket: Bucket, spec: InputSpec) -> str:
    """The bucket's bound for people: ``"<= 12 ids"``, ``"<= 2.5 s"``, or ``"all"``."""
    if bucket.bound is None:
        return "all"
    return spec.bucket_text(bucket.bound)
