"""Which examples make which batch: a pure function of (seed, batch number), so that any batch can be found again."""

from __future__ import annotations

import functools
import math

import numpy as np

from t2t_multimodel.data.spec import InputSpec
from t2t_multimodel.errors import DataError

# Batches of a bucket whose examples are sorted together by the other side, and of these by the bucket's side.
_WINDOW, _GROUP = 16, 4


def bucket_boundaries(min_bucket: int, max_length: int, growth: float) -> list[int]:
    """Upper bounds of length buckets, growing by `growth` and by at least one, the last one `max_length`."""
    bounds = [min(min_bucket, max_length)]
    while bounds[-1] < max_length:
        bounds.append(min(max_length, max(bounds[-1] + 1, int(bounds[-1] * growth))))
    return bounds


class BatchPlan:
    """Rows of each batch of one problem's split.

    Examples are put into buckets by length; a bucket's batch holds as many rows as its length allows in a budget.
    Training visits every example once an epoch, in an order drawn from (seed, epoch); a bucket that does not
    divide evenly is cut into batches of nearly equal size. A bucket bounds one side alone, and not closely, so the
    examples of each 16 drawn batches are sorted by the other side and then, four batches at a time, by the bucket's
    side, which spares padding.

    Args:
        lengths: cost of each example `[examples]`: the longer side in tokens, samples of sound, or 1 a picture.
        budget: sum of (rows * bucket length) a batch may have.
        boundaries: upper bounds of the buckets; longer examples are left out.
        seed: of the order.
        problem: name that makes the order differ between problems.
        sort_key: what near lengths of the other side have in common `[examples]`, or None.
        limit: the greatest length for messages, with the hparam that sets it.

    Attributes:
        left_out: how many examples are longer than the last boundary.
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
        self._lengths, self._sort_key, self.limit = lengths, sort_key, limit
        self.batches_per_epoch = sum(self._counts.values())

    @functools.lru_cache(maxsize=2)  # noqa: B019 - one plan lives as long as its run
    def _epoch(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([*self._entropy, epoch])))
        batches = []
        for bound, rows in self.buckets.items():
            batches.extend(self._sorted(np.array_split(rng.permutation(rows), self._counts[bound])))
        order = rng.permutation(len(batches))
        return [batches[i] for i in order]

    def _sorted(self, batches: list[np.ndarray]) -> list[np.ndarray]:
        """The batches with their examples exchanged within windows, so that each has near lengths on both sides."""
        if self._sort_key is None:
            return batches
        for key, size in ((self._sort_key, _WINDOW), (self._lengths, _GROUP)):
            batches = [
                batch
                for first in range(0, len(batches), size)
                for batch in _exchanged(batches[first : first + size], key)
            ]
        return batches

    def train_batch(self, number: int) -> np.ndarray:
        """Rows of training batch `number`, counted from 0 over all epochs."""
        epoch, position = divmod(number, self.batches_per_epoch)
        return self._epoch(epoch)[position]

    def eval_batches(self) -> list[np.ndarray]:
        """Rows of all batches, each example once, in the order of the data within a bucket."""
        return [part for bound, rows in self.buckets.items() for part in np.array_split(rows, self._counts[bound])]

    def bucket_of(self, rows: np.ndarray) -> int:
        """Upper bound of the bucket that `rows` come from."""
        longest = int(self._lengths[rows].max())
        return min(bound for bound in self.buckets if bound >= longest)


def _exchanged(batches: list[np.ndarray], key: np.ndarray) -> list[np.ndarray]:
    """Batches of the same sizes with the same rows, in the order of `key[rows]`."""
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
    )
