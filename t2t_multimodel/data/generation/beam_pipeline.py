"""A split read, encoded and sharded on Apache Beam: the same bytes as the local engine, on any of Beam's runners.

One worker reads the corpus, because its order matters. The chunks are spread over all workers, which encode them. One
worker then collects, shuffles and writes each shard. All workers must see the data folder, the corpus and the scratch
folder under the same paths, and must be able to import the problem classes.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from t2t_multimodel import errors
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.generation import shuffle
from t2t_multimodel.data.generation.encoding_state import EncodingState
from t2t_multimodel.data.generation.job import Job, RawSplit, Run
from t2t_multimodel.data.generation.split_writer import SplitWriter
from t2t_multimodel.data.generation.workers import Encoder, chunks
from t2t_multimodel.data.metadata import SplitStats
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.storage import write_atomically

Chunk = tuple[int, list[dict[str, Any]]]
_DROPPED, _STATES, _ENTRIES, _TABLES = "dropped", "states", "entries", "tables"


class BeamSplitWriter(SplitWriter):
    """`SplitWriter` whose encoding and shuffling run on Apache Beam.

    Args:
        arguments: those of `SplitWriter`.
        options: options of the pipeline's runner, ``name=value`` each.
    """

    def __init__(self, *arguments, options: Sequence[str]):
        super().__init__(*arguments)
        self._options = list(options)

    def _encode(self, state: EncodingState, cached: RawSplit | None) -> None:
        """Fills `state` and writes the shards."""
        del cached  # a worker reads the corpus again
        result = self._state_file.with_suffix(".npz")
        work = _Work(self._job, self._run, self._split, self._encoder, self._paths(), self._scattered(), result)
        _run(work, self._options)
        with np.load(result, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            state.merge(EncodingState(SplitStats(**facts["stats"]), stored["counts"]))
            tables = [stored[f"table_{shard}"] for shard in range(self._count)]
        state.stats.shards = self._count if state.stats.examples else 0
        state.stats.dropped = facts["dropped"]
        if state.stats.examples:
            index = RecordIndex.of_tables(self._paths(), tables)
            index.save(self._run.data_dir, self._job.problem.name, self._split)
        else:
            for path in self._paths():
                path.unlink(missing_ok=True)
        state.complete = True
        state.save(self._state_file, self._job.settings)
        result.unlink()


@dataclasses.dataclass
class _Work:
    """What a worker must know; the public methods are the pipeline's steps."""

    job: Job
    run: Run
    split: str
    encoder: Encoder
    paths: list[pathlib.Path]
    scattered: list[pathlib.Path]
    result: pathlib.Path

    def __getstate__(self):
        # The user's callbacks may not be picklable: workers print.
        return {**self.__dict__, "run": dataclasses.replace(self.run, report=print, warn=print_warning)}

    def read(self, _) -> Iterator[Any]:
        """Yields (number of the first example, raw examples) of each chunk, at last the counts of dropped examples."""
        from apache_beam.pvalue import TaggedOutput

        source, start = self.job.source(self.run), 0
        for chunk in chunks(self.job.problem.examples(self.split, source)):
            yield start, chunk
            start += len(chunk)
        source.finish()
        yield TaggedOutput(_DROPPED, dict(source.dropped))

    def encode(self, chunk: Chunk) -> Iterator[Any]:
        """Yields (shard, (chunk number, entries)) for the shards the chunk's records go to, and its statistics."""
        from apache_beam.pvalue import TaggedOutput

        start, raws = chunk
        encoded = self.encoder(raws)
        lengths = list(zip(encoded.input_lengths.tolist(), encoded.target_lengths.tolist()))
        entries = shuffle.make_entries(encoded.records, lengths)
        shards = shuffle.draw_shards(self.run.seed, start, len(entries), len(self.paths))
        for shard in np.unique(shards).tolist():
            yield shard, (start, [entries[at] for at in np.flatnonzero(shards == shard).tolist()])
        state = EncodingState()
        state.add(encoded)
        yield TaggedOutput(_STATES, state)

    def write_shard(self, grouped: tuple[int, Iterable[tuple[int, list[bytes]]]]) -> tuple[int, np.ndarray]:
        """Writes a shard; returns its number and its table of records."""
        shard, parts = grouped
        scattered, path = self.scattered[shard], self.paths[shard]
        scattered.parent.mkdir(parents=True, exist_ok=True)
        with open(scattered, "wb") as file:
            for _, entries in sorted(parts, key=lambda part: part[0]):
                file.writelines(entries)
        path.unlink(missing_ok=True)
        seed = (self.run.seed, shard) if self.split == "train" else None
        return shard, shuffle.ShuffleTask(scattered, path, seed)()

    def summarize(self, grouped: tuple[None, Iterable[tuple[str, Any]]]) -> None:
        """Writes statistics and tables of the whole split to the result file."""
        total, dropped, arrays = EncodingState(), {}, {}
        for kind, value in grouped[1]:
            if kind == _STATES:
                total.merge(value)
            elif kind == _DROPPED:
                dropped = dict(sorted(value.items()))
            else:
                arrays[f"table_{value[0]}"] = value[1]
        facts = json.dumps({"stats": vars(total.stats), "dropped": dropped})
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.array(facts), counts=total.counts, **arrays)
        self.result.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.result, buffer.getvalue())


def _run(work: _Work, options: Sequence[str]) -> None:
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        message = "--pipeline=beam needs Apache Beam; pip install 't2t-multimodel[beam]', or leave out --pipeline"
        raise errors.MultiModelError(message) from None
    flags = [f"--{option}" for option in options]
    empty = [(shard, (-1, [])) for shard in range(len(work.paths))]
    try:
        with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
            read = (
                pipeline
                | "Begin" >> beam.Create([None])
                | "Read" >> beam.FlatMap(work.read).with_outputs(_DROPPED, main=_ENTRIES)
            )
            encoded = (
                read[_ENTRIES]
                | "Spread" >> beam.Reshuffle()
                | "Encode" >> beam.FlatMap(work.encode).with_outputs(_STATES, main=_ENTRIES)
            )
            shards = (encoded[_ENTRIES], pipeline | "AllShards" >> beam.Create(empty)) | beam.Flatten()
            tables = shards | beam.GroupByKey() | "WriteShard" >> beam.Map(work.write_shard)
            found = [
                read[_DROPPED] | "Dropped" >> beam.Map(lambda dropped: (_DROPPED, dropped)),
                encoded[_STATES] | "States" >> beam.Map(lambda state: (_STATES, state)),
                tables | "Tables" >> beam.Map(lambda table: (_TABLES, table)),
            ]
            (
                found
                | "AllFound" >> beam.Flatten()
                | "OneKey" >> beam.Map(lambda item: (None, item))
                | "Together" >> beam.GroupByKey()
                | "Write" >> beam.Map(work.summarize)
            )
    except Exception as error:
        raise _plain(error) from error


def _plain(error: Exception) -> errors.MultiModelError:
    """The project's error that a worker raised, taken from the text of Beam's error."""
    if isinstance(error, errors.MultiModelError):
        return error
    kinds = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type)}
    for name, message in reversed(re.findall(r"^(?:[\w.]+\.)?(\w+Error): (.*)$", str(error), re.MULTILINE)):
        if name in kinds:
            return kinds[name](re.sub(r" \[while running .*", "", message))
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return errors.DataError(f"the Beam pipeline failed: {first}; look into the runner's log")
