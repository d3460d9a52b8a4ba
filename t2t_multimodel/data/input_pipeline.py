"""Batches of one problem: records found by a plan, parsed and turned into features by tf.data."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.batching import BatchPlan, plan_for
from t2t_multimodel.data.parsing import RecordParser
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import RecordIndex
from t2t_multimodel.errors import DataError


class ProblemInput:
    """Batches of one split of one problem.

    Args:
        problem: the problem.
        data_dir: where its shards are.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        hparams: all hparams.
        seed: of order and augmentation.
        strict: a damaged record is fatal instead of skipped and counted.

    Batches are dicts as `RecordParser` makes them.
    """

    def __init__(
        self,
        problem: Problem,
        data_dir: str | pathlib.Path,
        split: str,
        hparams,
        *,
        seed: int = 0,
        strict: bool = False,
    ):
        self.problem, self.hparams, self._seed, self._data_dir = problem, hparams, seed, data_dir
        self._training = split == "train"
        self.parser = RecordParser(problem, hparams.modalities)
        self.index = RecordIndex.load_or_build(data_dir, problem.name, split, strict=strict)
        self.plan: BatchPlan = plan_for(
            problem.inputs,
            self.index,
            hparams.batching,
            hparams.modalities,
            seed=seed,
            problem=problem.name,
            training=self._training,
        )

    @property
    def examples(self) -> int:
        """Examples in the split."""
        return len(self.index)

    def train(self, start: int = 0) -> Iterator[dict[str, tf.Tensor]]:
        """Endless training batches from number `start` on."""
        numbers = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        return self._batches(self._dataset(numbers, self.plan.train_batch, augment=True))

    def evaluate(self, max_batches: int | None = None) -> Iterator[dict[str, tf.Tensor]]:
        """Each example once, or the first `max_batches` batches of a fixed shuffle."""
        batches = self.plan.eval_batches()
        if max_batches is not None and max_batches < len(batches):
            order = np.random.Generator(np.random.Philox(self._seed)).permutation(len(batches))
            batches = [batches[i] for i in order[:max_batches]]
        return self._batches(self._dataset(tf.data.Dataset.range(len(batches)), batches.__getitem__, augment=False))

    def rows(self, rows: np.ndarray) -> dict[str, tf.Tensor]:
        """The batch of the given rows of the split, without augmentation."""
        return self.parser(tf.constant(self.index.read(rows)))

    def _batches(self, dataset: tf.data.Dataset) -> Iterator[dict[str, tf.Tensor]]:
        iterator = iter(dataset)
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                reason = str(error.message).strip().splitlines()[0][:200]
                raise DataError(
                    f"a record of {self.problem.name} in {self._data_dir} cannot be read ({reason}); generate it again"
                ) from error
            yield batch

    def _dataset(self, numbers: tf.data.Dataset, rows_of, *, augment: bool) -> tf.data.Dataset:
        def read(number):
            return np.array(self.index.read(rows_of(int(number))), dtype=object)

        def make(number):
            records = tf.numpy_function(read, [number], tf.string, stateful=False)
            records.set_shape([None])
            seed = tf.cast(tf.stack([self._seed, number]), tf.int32) if augment else None
            return self.parser(records, seed)

        dataset = numbers.map(make, num_parallel_calls=2, deterministic=True).prefetch(2)
        options = tf.data.Options()
        options.threading.private_threadpool_size = 2
        options.experimental_optimization.apply_default_optimizations = False
        options.autotune.enabled = False
        return dataset.with_options(options)
