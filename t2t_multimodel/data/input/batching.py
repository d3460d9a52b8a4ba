"""Assigns examples to batches. A batch is a pure function of (seed, problem, number), so a run can be resumed."""

from __future__ import annotations

import functools
import math

import numpy as np

from t2t_multimodel.data.spec import InputSpec
from t2t_multimodel.errors import DataError

# Batches of a bucket whose examples are sorted together: 16 by the other side, then 4 by the bucket's side.
_WINDOW, _GROUP = 16, 4


def bucket_boundaries(min_bucket: int, max_length: int, growth: float) -> list[int]:
    """Upper bounds of length buckets, growing by `growth` and by at least one, the last one `max_length`."""
    bounds = [min(min_bucket, max_length)]
    while bounds[-1] < max_length:
        bounds.append(min(max_length, max(bounds[-1] + 1, int(bounds[-1] * growth))))
    return bounds


class BatchPlan:
    """Rows of each batch of one problem's split.

    Examples are put into buckets by length. A batch of a bucket has as many rows as fit into the budget at the
    bucket's upper bound. An epoch of training visits every example once, in an order drawn from (seed, epoch). A bucket
    that does not divide evenly is split into batches of nearly equal size.

    A bucket limits only one side. To save padding, the examples of each 16 drawn batches are sorted by the other side,
    and then those of each four batches by the bucket's side.

    Args:
        lengths: cost of each example `[examples]`: the longer side in tokens, samples of audio, or 1 for an image.
        budget: largest value of rows * bucket bound of a batch.
        boundaries: upper bounds of the buckets; longer examples are left out.
        seed: of the order.
        problem: its name; the order differs between problems.
        sort_key: `[examples]`, close values where the lengths of the other side are close, or None.
        limit: the greatest length for messages, with the hparam that sets it.
        setting: the hparam that sets the budget, for messages.

    Attributes:
        left_out: number of examples that are longer than the last boundary.

    Example:
        ```python
        import numpy as np

        from t2t_multimodel.data.input.batching import BatchPlan

        plan = BatchPlan(np.array([3, 4, 9]), budget=16, boundaries=[4, 9], seed=0, problem="toy")
        plan.batches_per_epoch  # 2: rows 0 and 1 in one batch, row 2 in the other
        plan.train_batch(0)  # the rows of the first batch
        ```
    """

    def __init__(
        self,
        lengths: np.ndarray,
        *,
        budget: float,
        boundaries: list[int],
        seed: int,
        problem: str,
        sort_key: np.ndarray | None = None,
        limit: str = "batching.max_length",
        setting: str = "batching.batch_tokens",
    ):
        if not len(lengths):
            raise DataError(f"problem {problem} has no examples in this split; run t2t-datagen for it")
        self._entropy = [seed, *problem.encode()]
        buckets = np.searchsorted(boundaries, lengths, side="left")
        self.left_out = int(np.sum(buckets == len(boundaries)))
        if self.left_out == len(lengths):
            raise DataError(f"every example of {problem} is longer than {boundaries[-1]}; raise {limit}")
        self.buckets = {
            boundaries[b]: np.nonzero(buckets == b)[0] for b in range(len(boundaries)) if np.any(buckets == b)
        }
        self._counts = {
            bound: math.ceil(len(rows) / max(1, int(budget // bound))) for bound, rows in self.buckets.items()
        }
        self._lengths, self._sort_key, self.limit, self.setting = lengths, sort_key, limit, setting
        self.batches_per_epoch = sum(self._counts.values())

    @functools.lru_cache(maxsize=2)  # noqa: B019 - a plan lives as long as its run
    def _epoch(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([*self._entropy, epoch])))
        batches = []
        for bound, rows in self.buckets.items():
            batches.extend(self._sorted(np.array_split(rng.permutation(rows), self._counts[bound])))
        order = rng.permutation(len(batches))
        return [batches[i] for i in order]

    def _sorted(self, batches: list[np.ndarray]) -> list[np.ndarray]:
        """The batches with their examples sorted within windows, so that both sides of a batch have similar lengths."""
        if self._sort_key is None:
            return batches
        for key, size in ((self._sort_key, _WINDOW), (self._lengths, _GROUP)):
            batches = [
                batch
                for first in range(0, len(batches), size)
                for batch in _sorted_by(batches[first : first + size], key)
            ]
        return batches

    def train_batch(self, number: int) -> np.ndarray:
        """Rows of training batch `number`, counted from 0 over all epochs."""
        epoch, position = divmod(number, self.batches_per_epoch)
        return self._epoch(epoch)[position]

    def eval_batches(self) -> list[np.ndarray]:
        """Rows of all batches. Each example occurs once; within a bucket, the order is that of the data."""
        return [part for bound, rows in self.buckets.items() for part in np.array_split(rows, self._counts[bound])]

    def largest_batch(self, bound: int) -> int:
        """Rows of the largest batch of the bucket with that upper bound."""
        return math.ceil(len(self.buckets[bound]) / self._counts[bound])

    def bucket_of(self, rows: np.ndarray) -> int:
        """Upper bound of the bucket that `rows` come from."""
        longest = int(self._lengths[rows].max())
        return min(bound for bound in self.buckets if bound >= longest)


def _sorted_by(batches: list[np.ndarray], key: np.ndarray) -> list[np.ndarray]:
    """The same rows in batches of the same sizes, sorted by `key`."""
    rows = np.concatenate(batches)
    rows = rows[np.argsort(key[rows], kind="stable")]
    return np.split(rows, np.cumsum([len(batch) for batch in batches])[:-1])


def plan_for(spec: InputSpec, index, batching, modalities, *, seed: int, problem: str, training: bool) -> BatchPlan:
    """The plan of a problem's split.

    Args:
        spec: of the problem's inputs; decides what an example costs.
        index: `RecordIndex` with `input_length` and `target_length` `[examples]`.
        batching, modalities: hparams groups.
        seed: of the order.
        problem: its name.
        training: leaves out examples longer than hparams allow.
    """
    costs = spec.batch_costs(index, batching, modalities, training=training)
    return BatchPlan(
        costs.lengths,
        budget=costs.budget,
        boundaries=costs.boundaries,
        seed=seed,
        problem=problem,
        sort_key=costs.sort_key,
        limit=costs.limit,
        setting=costs.setting,
    )
