"""Lengths of the examples of a split: histograms, and the buckets of an hparams set."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import numpy as np

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.input.batching import plan_for
from t2t_multimodel.data.input.corpus_size import training_part
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
    """The contents of one bucket of a batch plan.

    Attributes:
        bound: greatest length in it (ids, samples, or 1 for images), or None for all buckets together.
        examples: number of examples in it.
        batches: number of its batches in an epoch.
        input_padding, target_padding: share of padding from 0 to 1, if each batch is padded to its longest row;
            None if a side has no length.
    """

    bound: int | None
    examples: int
    batches: int
    input_padding: float | None
    target_padding: float | None


def histogram(lengths: np.ndarray, bins: int = _BINS) -> list[Bin]:
    """Counts lengths in about `bins` bins or fewer. Their width is equal and round: 1, 2 or 5 times a power of ten.

    Args:
        lengths: `[examples]`; bins of integers have integer bounds.
        bins: wanted number of bins.
    """
    if not len(lengths):
        return []
    low, high = float(lengths.min()), float(lengths.max())
    integers = np.issubdtype(lengths.dtype, np.integer)
    width = _round_width((high - low + integers) / bins)
    if integers:
        width = max(1.0, width)
    first, last = math.floor(low / width + 1e-9), math.floor(high / width + 1e-9)
    indices = np.clip(np.floor(lengths / width + 1e-9).astype(np.int64), first, last)
    counts = np.bincount(indices - first, minlength=last - first + 1)
    return [Bin((first + at) * width, (first + at + 1) * width, int(count)) for at, count in enumerate(counts)]


def _round_width(width: float) -> float:
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= width * (1 - 1e-9))


def bucket_table(problem: Problem, index: RecordIndex, hparams, *, training: bool) -> tuple[list[Bucket], int]:
    """Number of examples, batches and padding of each bucket of a split; the last row is the sum of the others.

    Args:
        problem: the problem.
        index: of its split.
        hparams: all hparams.
        training: use the plan of training, which leaves out text longer than `batching.max_length` and what
            `batching.examples` does not leave.

    Returns:
        the rows, and how many examples are left out.
    """
    index = training_part(index, problem.name, hparams.batching, print_warning) if training else index
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
    """Sums over batches: rows, and for each side the valid and all positions."""

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
        for sums, added in ((self.real, other.real), (self.padded, other.padded)):
            for side, count in added.items():
                sums[side] = sums.get(side, 0) + count

    def bucket(self, bound: int | None) -> Bucket:
        share = {side: 1 - self.real[side] / max(1, padded) for side, padded in self.padded.items()}
        return Bucket(bound, self.examples, self.batches, share.get("input"), share.get("target"))


def bound_text(bucket: Bucket, spec: InputSpec) -> str:
    """The bound of a bucket as text: ``"<= 12 ids"``, ``"<= 2.50 s"``, ``"images"`` or ``"all"``."""
    if bucket.bound is None:
        return "all"
    return spec.bucket_text(bucket.bound)
