"""Batches of one problem: records found by a plan, parsed and turned into features by tf.data."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.input.batching import BatchPlan, plan_for
from t2t_multimodel.data.input.corpus_size import training_part
from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.input.static_shapes import StaticShapes
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.errors import DataError

# Batches of a problem that are made at once. Half of the processors: the other half drive the step.
_THREADS = max(2, min(8, (os.cpu_count() or 1) // 2))


class ProblemInput:
    """Batches of one split of one problem.

    Args:
        problem: the problem.
        data_dir: where its shards are.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        hparams: all hparams.
        seed: of order and augmentation.
        strict: a damaged record is fatal instead of skipped and counted.
        warn: called with one line for each record that turns out to be unreadable.

    Attributes:
        index: of its records; in training of those that `batching.examples` leaves.
        unreadable: rows found unreadable so far, which batches go without.
        static_shapes: of training batches for a step that XLA compiles (`compute.compile`), else None.

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
        warn: Callable[[str], None] = print_warning,
    ):
        self._strict, self._warn = strict, warn
        self.unreadable: set[int] = set()
        self.problem, self.hparams, self._seed, self._data_dir = problem, hparams, seed, data_dir
        self._training = split == "train"
        self.parser = RecordParser(problem, hparams.modalities)
        index = RecordIndex.load_or_build(data_dir, problem.name, split, strict=strict, sides=problem.record_sides)
        self.index = training_part(index, problem.name, hparams.batching, warn) if self._training else index
        self.plan: BatchPlan = plan_for(
            problem.inputs,
            self.index,
            hparams.batching,
            hparams.modalities,
            seed=seed,
            problem=problem.name,
            training=self._training,
        )
        self.static_shapes: StaticShapes | None = None
        if self._training and hparams.compute.compile == "xla":
            self.static_shapes = StaticShapes(problem, self.plan, self.index.target_length, hparams)
        if self.plan.left_out:
            left_out, limit = self.plan.left_out, self.plan.limit
            warn(f"{left_out} of {self.examples} training examples of {problem.name} are longer than {limit}; left out")

    @property
    def examples(self) -> int:
        """Examples in the split, or in the part of it that `batching.examples` leaves."""
        return len(self.index)

    def train(self, start: int = 0) -> Iterator[dict[str, tf.Tensor]]:
        """Endless training batches from number `start` on."""
        return self._batches(self.plan.train_batch, start, np.iinfo(np.int64).max, augment=True)

    def evaluate(
        self, max_batches: int | None = None, *, part: int = 0, parts: int = 1
    ) -> Iterator[dict[str, tf.Tensor]]:
        """Each example once, or the first `max_batches` batches of a fixed shuffle; of these one of `parts` parts."""
        batches = self.plan.eval_batches()
        if max_batches is not None and max_batches < len(batches):
            order = np.random.Generator(np.random.Philox(self._seed)).permutation(len(batches))
            batches = [batches[i] for i in order[:max_batches]]
        batches = batches[part::parts]
        return self._batches(batches.__getitem__, 0, len(batches), augment=False)

    def rows(self, rows: np.ndarray) -> dict[str, tf.Tensor]:
        """The batch of the given rows of the split, without augmentation."""
        return self.parser(tf.constant(self.index.read(rows)))

    def _batches(
        self, rows_of: Callable[[int], np.ndarray], number: int, stop: int, *, augment: bool
    ) -> Iterator[dict]:
        """The batches `number` to `stop` of `rows_of`; one with unreadable records is made again without them."""
        while number < stop:
            try:
                for batch in self._dataset(rows_of, number, stop, augment=augment):
                    yield batch
                    number += 1
            except tf.errors.OpError as error:
                self._skip_unreadable(rows_of(number), str(error.message).strip().splitlines()[0][:200])

    def _skip_unreadable(self, rows: np.ndarray, reason: str) -> None:
        found = [row for row in rows.tolist() if row not in self.unreadable and not self._is_readable(row)]
        name, cure = self.problem.name, "generate it again"
        for row in found:
            shard, offset = self.index.paths[self.index.file[row]], self.index.offset[row]
            line = f"{shard}: the record of {name} at byte {offset} cannot be read ({reason})"
            if self._strict:
                raise DataError(f"{line}; {cure}, or run without --strict to skip it")
            self.unreadable.add(row)
            self._warn(f"{line}; skipped, {len(self.unreadable)} so far")
        if not found or self.unreadable.issuperset(rows.tolist()) or len(self.unreadable) > len(self.index) // 10 + 1:
            raise DataError(f"records of {name} in {self._data_dir} cannot be read ({reason}); {cure}")

    def _is_readable(self, row: int) -> bool:
        try:
            self.rows(np.array([row]))
        except tf.errors.OpError:
            return False
        return True

    def _dataset(self, rows_of, start: int, stop: int, *, augment: bool) -> tf.data.Dataset:
        def read(number):
            rows = [row for row in rows_of(int(number)).tolist() if row not in self.unreadable]
            return np.array(self.index.read(rows), dtype=object)

        def sizes_of(number):
            return np.array(self.static_shapes.sizes(rows_of(int(number))), np.int32)

        def make(number):
            records = tf.numpy_function(read, [number], tf.string, stateful=False)
            records.set_shape([None])
            seed = tf.cast(tf.stack([self._seed, number]), tf.int32) if augment else None
            batch = self.parser(records, seed)
            if not augment or self.static_shapes is None:
                return batch
            sizes = tf.numpy_function(sizes_of, [number], tf.int32, stateful=False)
            return self.static_shapes.filled(batch, sizes)

        numbers = tf.data.Dataset.range(start, stop)
        dataset = numbers.map(make, num_parallel_calls=_THREADS, deterministic=True).prefetch(2)
        options = tf.data.Options()
        options.threading.private_threadpool_size = _THREADS
        options.experimental_optimization.apply_default_optimizations = False
        options.autotune.enabled = False
        return dataset.with_options(options)
