"""Batches of fixed shapes, for steps that XLA compiles: one program for each shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.batching import BatchPlan, bucket_boundaries
from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.problem import Problem

# Ratio of the lengths that targets are padded to where the inputs alone decide on the bucket.
_GROWTH = 2.0


class Sizes(NamedTuple):
    """Rows of a batch, and the lengths of its two sides; 0 where a side has no time axis."""

    rows: int
    inputs: int
    targets: int


class StaticShapes:
    """Fills the batches of a split up to a few shapes, by rows and positions that are nothing but padding.

    All batches of a length bucket have the rows of its largest one. Both sides have the bucket's upper bound as their
    length. Where the bucket does not bound the targets, as with images and sound, they are padded to one of a few
    lengths, each twice the one before.

    Args:
        problem: the problem.
        plan: of the split's batches.
        target_lengths: of each example `[examples]`.
        hparams: all hparams.

    Example:
        ```python
        import numpy as np

        from t2t_multimodel import registry
        from t2t_multimodel.data.input.batching import BatchPlan
        from t2t_multimodel.data.input.static_shapes import StaticShapes

        plan = BatchPlan(np.array([3, 4, 2, 9]), budget=8, boundaries=[4, 9], seed=0, problem="toy")
        problem, hparams = registry.problem("mini_parsing"), registry.hparams("multimodel_mini")
        shapes = StaticShapes(problem, plan, np.array([3, 1, 2, 7]), hparams)
        shapes.all()  # two rows of 4 positions, and one row of 9
        ```
    """

    def __init__(self, problem: Problem, plan: BatchPlan, target_lengths: np.ndarray, hparams):
        self._spec, self._plan, self._target_lengths = problem.inputs, plan, target_lengths
        self._padding, self._modalities = problem.targets.padding, hparams.modalities
        self._signature = batch_signature(problem.inputs, problem.targets, hparams.modalities)
        longest = int(target_lengths.max(initial=1))
        self._targets = bucket_boundaries(hparams.batching.min_bucket, longest, _GROWTH)

    def sizes(self, rows: np.ndarray) -> Sizes:
        """The shape of the batch of these rows of the split."""
        return self._sizes(self._plan.bucket_of(rows), int(self._target_lengths[rows].max()))

    def all(self) -> list[Sizes]:
        """All shapes that batches can have."""
        found = set()
        for bound, rows in self._plan.buckets.items():
            found |= {self._sizes(bound, int(length)) for length in np.unique(self._target_lengths[rows])}
        return sorted(found, key=lambda sizes: (sizes.inputs, sizes.targets, sizes.rows))

    def _sizes(self, bound: int, longest_target: int) -> Sizes:
        inputs, targets = self._spec.static_lengths(bound, self._modalities)
        if targets is None:
            targets = next(length for length in self._targets if length >= longest_target)
        has_time = {name: None in spec.shape[1:] for name, spec in self._signature.items()}
        return Sizes(
            self._plan.largest_batch(bound),
            inputs if has_time["inputs"] else 0,
            targets if has_time["targets"] else 0,
        )

    def filled(self, batch: Mapping[str, tf.Tensor], sizes: tf.Tensor) -> dict[str, tf.Tensor]:
        """The batch in a fixed shape.

        Args:
            batch: of a `RecordParser`.
            sizes: int32 `[3]`, of `Sizes`.

        Returns:
            the batch with padding, and ``row_mask``, bool `[rows]`, true where a row was there before.
        """
        filled = {"row_mask": tf.sequence_mask(tf.shape(batch["targets"])[0], sizes[0])}
        for name, value in batch.items():
            wanted = {0: sizes[0]}
            for axis, size in enumerate(self._signature[name].shape):
                if axis and size is None:
                    wanted[axis] = sizes[2 if name == "targets" else 1]
            pads = [[0, wanted[a] - tf.shape(value)[a] if a in wanted else 0] for a in range(value.shape.rank)]
            padding = self._padding if name == "targets" else 0
            filled[name] = tf.pad(value, pads, constant_values=tf.cast(padding, value.dtype))
        return filled


def describe_shapes(shapes: list[Sizes]) -> str:
    """How many shapes, for people.

    Example:
        >>> describe_shapes([Sizes(32, 8, 8), Sizes(4, 64, 64)])
        '2 shapes of batches (rows x inputs x targets: 32x8x8 to 4x64x64)'
    """
    first, last = ("x".join(map(str, shape)) for shape in (shapes[0], shapes[-1]))
    return f"{len(shapes)} shapes of batches (rows x inputs x targets: {first} to {last})"
