"""Writing one split of one problem, and continuing where an interrupted run stopped."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data.files import write_atomically
from t2t_multimodel.data.metadata import SplitStats
from t2t_multimodel.data.progress import Progress
from t2t_multimodel.data.records import RecordIndex, shard_name
from t2t_multimodel.data.shuffle import Scatterer, ShuffleTask, run_task
from t2t_multimodel.data.workers import Encoder, Workers, chunks

if TYPE_CHECKING:
    from t2t_multimodel.data.datagen import Job, Run
    from t2t_multimodel.data.datagen_vocabulary import RawSplit


class SplitWriter:
    """Makes the shards of one split.

    Training examples are scattered, then shuffled shard by shard; dev and test keep the corpus' order in one shard.
    A state file tells a later run that all examples are encoded; from then on a shard that exists is a finished one.

    Args:
        job: the problem.
        run: the run.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        encoder: makes records.
        workers: encode and shuffle.
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
            cached: the raw examples if they were read already.

        Returns:
            Statistics of the split and how often each target id occurs.
        """
        stored = self._load_state()
        if stored is None:
            self._state_file.unlink(missing_ok=True)
            self._clear()
            stats, histogram = self._encode(cached)
            self._save_state(stats, histogram)
        else:
            stats, histogram = stored
        if stats.examples:
            self._place()
        return stats, histogram

    def _paths(self) -> list[pathlib.Path]:
        name = self._job.problem.name
        return [self._run.data_dir / shard_name(name, self._split, i, self._count) for i in range(self._count)]

    def _scattered(self) -> list[pathlib.Path]:
        return [self._run.work_dir / f"{path.name}.scattered" for path in self._paths()]

    def _clear(self) -> None:
        """Removes shards and index of other settings, lest they be taken for finished ones."""
        for path in self._run.data_dir.glob(f"{self._name}-?????-of-?????"):
            path.unlink()
        (self._run.data_dir / f"{self._name}.index.npz").unlink(missing_ok=True)

    def _encode(self, cached: RawSplit | None) -> tuple[SplitStats, dict[int, int]]:
        source = self._job.source(self._run)
        if cached is None:
            examples: Iterable[dict[str, Any]] = self._job.problem.examples(self._split, source)
        else:
            examples, source.dropped = cached.examples, cached.dropped
            for line in cached.warnings:
                self._run.warn(line)
        stats, histogram = SplitStats(), Counter()
        scatterer = Scatterer(self._scattered(), self._run.seed)
        with Progress(f"{self._name}: encoding", "examples", len(cached.examples) if cached else None) as progress:
            for chunk in self._workers.map(self._encoder, chunks(examples)):
                scatterer.add(chunk.records, list(zip(chunk.input_lengths.tolist(), chunk.target_lengths.tolist())))
                stats.add(chunk.input_lengths, chunk.target_lengths)
                histogram.update(dict(zip(chunk.target_ids.tolist(), chunk.target_counts.tolist())))
                progress.add(len(chunk.records))
        scatterer.flush()
        stats.shards = self._count if stats.examples else 0
        stats.dropped = dict(sorted(source.dropped.items()))
        return stats, dict(sorted(histogram.items()))

    def _place(self) -> None:
        """Turns scatter files into shards and indexes them; a shard that is there was finished by an earlier run."""
        shuffled = self._split == "train"
        tasks = [
            ShuffleTask(scattered, path, (self._run.seed, shard) if shuffled else None)
            for shard, (scattered, path) in enumerate(zip(self._scattered(), self._paths()))
        ]
        with Progress(f"{self._name}: writing", "shards", len(tasks)) as progress:
            tables = []
            for table in self._workers.map(run_task, tasks):
                tables.append(table)
                progress.add()
        name, folder = self._job.problem.name, self._run.data_dir
        if any(table is None for table in tables):
            RecordIndex.load_or_build(folder, name, self._split, strict=True, mapper=self._workers.map)
        else:
            RecordIndex.of_tables(self._paths(), tables).save(folder, name, self._split)

    def _load_state(self) -> tuple[SplitStats, dict[int, int]] | None:
        try:
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
            if self._run.overwrite or state["settings"] != _plain(self._job.settings):
                return None
            return SplitStats(**state["stats"]), {int(key): count for key, count in state["histogram"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _save_state(self, stats: SplitStats, histogram: dict[int, int]) -> None:
        state = {
            "settings": self._job.settings,
            "stats": dataclasses.asdict(stats),
            "histogram": histogram,
        }
        write_atomically(self._state_file, json.dumps(state).encode("utf-8"))


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value))
