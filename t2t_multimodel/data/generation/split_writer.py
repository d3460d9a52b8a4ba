"""Writing one split of one problem, and continuing where an interrupted run stopped."""

from __future__ import annotations

import itertools
import pathlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import progress
from t2t_multimodel.data.generation.encoding_state import EncodingState
from t2t_multimodel.data.generation.job import Job, RawSplit, Run
from t2t_multimodel.data.generation.shuffle import Scatterer, ShuffleTask, run_task
from t2t_multimodel.data.generation.workers import Encoder, Workers, chunks
from t2t_multimodel.data.metadata import SplitStats
from t2t_multimodel.data.problem import Source, read_examples
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.records.tfrecord import shard_name

_SAVE_SECONDS = 10.0


class SplitWriter:
    """Makes the shards of one split.

    Training examples are scattered, then shuffled shard by shard; dev and test keep the corpus' order in one shard.
    A state file tells a later run how many examples are encoded. Once all are, a shard that exists is complete.

    Args:
        job: the problem.
        run: the run.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        encoder: makes records.
        workers: processes that encode and shuffle.
    """

    def __init__(self, job: Job, run: Run, split: str, encoder: Encoder, workers: Workers):
        self._job, self._run, self._split = job, run, split
        self._encoder, self._workers = encoder, workers
        self._count = job.settings["train_shards"] if split == "train" else 1
        self._name = f"{job.problem.name}-{split}"
        self._state_file = run.work_dir / f"{self._name}.state.json"

    def write(self, cached: RawSplit | None) -> tuple[SplitStats, dict[int, int]]:
        """Writes what is still missing.

        Args:
            cached: the raw examples, if they were read before.

        Returns:
            Statistics of the split and how often each target id occurs.
        """
        state = None
        if not self._run.overwrite:
            state = EncodingState.load(self._state_file, self._job.settings, self._scattered())
        if state is None:
            self._state_file.unlink(missing_ok=True)
            self._clear()
            state = EncodingState(sizes=[0] * self._count)
        if not state.complete:
            self._encode(state, cached)
        if state.stats.examples:
            self._write_shards()
        return state.stats, state.histogram

    def _paths(self) -> list[storage.AnyPath]:
        name = self._job.problem.name
        return [self._run.data_dir / shard_name(name, self._split, i, self._count) for i in range(self._count)]

    def _scattered(self) -> list[pathlib.Path]:
        return [self._run.work_dir / f"{path.name}.scattered" for path in self._paths()]

    def _clear(self) -> None:
        """Removes shards and index of other settings; otherwise they would count as complete."""
        for path in self._run.data_dir.glob(f"{self._name}-?????-of-?????"):
            path.unlink()
        (self._run.data_dir / f"{self._name}.index.npz").unlink(missing_ok=True)

    def _encode(self, state: EncodingState, cached: RawSplit | None) -> None:
        """Encodes the examples that `state` does not have yet, and saves `state` every few seconds."""
        source = self._job.source(self._run)
        examples, total = self._examples(source, cached)
        done = state.stats.examples
        scatterer = Scatterer(self._scattered(), self._run.seed, count=done, sizes=state.sizes)
        saved = time.monotonic()
        with progress(f"{self._name}: encoding", "examples", total, done) as bar:
            for chunk in self._workers.map(self._encoder, chunks(itertools.islice(examples, done, None))):
                scatterer.add(chunk.records, list(zip(chunk.input_lengths.tolist(), chunk.target_lengths.tolist())))
                state.add(chunk)
                bar.update(len(chunk.records))
                if scatterer.is_full or time.monotonic() - saved > _SAVE_SECONDS:
                    self._save(state, scatterer)
                    saved = time.monotonic()
        state.stats.shards = self._count if state.stats.examples else 0
        state.stats.dropped = dict(sorted(source.dropped.items()))
        state.complete = True
        self._save(state, scatterer)

    def _save(self, state: EncodingState, scatterer: Scatterer) -> None:
        scatterer.flush()
        state.sizes = scatterer.sizes
        state.save(self._state_file, self._job.settings)

    def _examples(self, source: Source, cached: RawSplit | None) -> tuple[Iterable[dict[str, Any]], int | None]:
        """The raw examples of the split, and their number if it is known."""
        if cached is None:
            return read_examples(self._job.problem, self._split, source), None
        source.dropped = cached.dropped
        for line in cached.warnings:
            self._run.warn(line)
        return cached.examples, len(cached.examples)

    def _write_shards(self) -> None:
        """Turns scatter files into shards and indexes them; a shard that exists was completed by an earlier run."""
        tables = self._uploaded() if self._run.in_store else self._made(self._paths())
        name, folder = self._job.problem.name, self._run.data_dir
        if any(table is None for table in tables):
            sides = self._job.problem.record_sides
            mapper = map if self._run.in_store else self._workers.map
            RecordIndex.load_or_build(folder, name, self._split, strict=True, mapper=mapper, sides=sides)
        else:
            RecordIndex.of_tables(self._paths(), tables).save(folder, name, self._split)

    def _made(self, paths: Sequence[pathlib.Path], numbers: Sequence[int] | None = None) -> list[np.ndarray | None]:
        """Makes the shards `numbers` (all by default) as `paths`; gives their tables, None for one that existed."""
        shuffled, scattered = self._split == "train", self._scattered()
        tasks = [
            ShuffleTask(scattered[shard], path, (self._run.seed, shard) if shuffled else None)
            for shard, path in zip(range(len(paths)) if numbers is None else numbers, paths)
        ]
        tables = []
        with progress(f"{self._name}: writing", "shards", len(tasks)) as bar:
            for task, table in zip(tasks, self._workers.map(run_task, tasks)):
                if self._run.in_store:
                    storage.move(task.shard, self._run.data_dir / task.shard.name)
                tables.append(table)
                bar.update()
        return tables

    def _uploaded(self) -> list[np.ndarray | None]:
        """`_made` in the scratch folder and uploaded, for shards that the store does not have."""
        paths = self._paths()
        missing = [shard for shard, path in enumerate(paths) if not path.exists()]
        made = self._made([self._run.work_dir / paths[shard].name for shard in missing], missing)
        found = dict(zip(missing, made))
        return [found.get(shard) for shard in range(len(paths))]
