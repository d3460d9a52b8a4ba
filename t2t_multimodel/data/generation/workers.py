"""Encoding chunks of raw examples, in this process or in several; results keep the order."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import numpy as np

from t2t_multimodel import user_modules
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import example_proto, features, tfrecord
from t2t_multimodel.data.spec import InputSpec, TargetSpec
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK_EXAMPLES = 512
CHUNK_BYTES = 1 << 22


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Makes records of raw examples. It is small, so that it can be sent to a worker with each chunk.

    Args:
        name: the problem's name.
        inputs: spec of the problem's inputs.
        targets: spec of the problem's targets.
        vocabulary_dir: folder of the vocabulary, or None without text.
        fingerprint: fingerprint of that vocabulary.
    """

    name: str
    inputs: InputSpec
    targets: TargetSpec
    vocabulary_dir: str | None = None
    fingerprint: str | None = None

    @classmethod
    def of(cls, problem: Problem, data_dir: str | os.PathLike, fingerprint: str | None) -> Encoder:
        """The encoder of a problem, with the vocabulary of a data folder."""
        folder = str(data_dir) if problem.uses_vocabulary else None
        if folder:
            _vocabulary(folder, fingerprint)  # processes forked from now on have it loaded
        return cls(problem.name, problem.inputs, problem.targets, folder, fingerprint)

    def __call__(self, raws: list[dict[str, Any]]) -> EncodedChunk:
        vocabulary = _vocabulary(self.vocabulary_dir, self.fingerprint) if self.vocabulary_dir else None
        rows = features.encode_examples(self.name, self.inputs, self.targets, raws, vocabulary)
        framed = tfrecord.frame(example_proto.serialize_all(rows))
        feature = self.inputs.record_feature()
        targets = [row[self.inputs.target_feature] for row in rows]
        counts = np.bincount(np.fromiter(itertools.chain.from_iterable(targets), np.int64))
        ids = np.flatnonzero(counts)
        return EncodedChunk(
            records=framed,
            input_lengths=np.array([_length(row[feature.name], feature.width) for row in rows], np.int64),
            target_lengths=np.array([len(ids) for ids in targets], np.int64),
            target_ids=ids,
            target_counts=counts[ids],
        )


def _length(value: bytes | Sequence, width: int) -> int:
    return 1 if isinstance(value, bytes) else len(value) // width


@dataclasses.dataclass
class EncodedChunk:
    """The records of a chunk.

    Attributes:
        records: framed records.
        input_lengths, target_lengths: `[records]` int64.
        target_ids: `[ids]`, the target ids that occur, sorted.
        target_counts: `[ids]`, how often each occurs.
    """

    records: list[bytes]
    input_lengths: np.ndarray
    target_lengths: np.ndarray
    target_ids: np.ndarray
    target_counts: np.ndarray


_loaded: dict[tuple[str, str | None], Vocabulary] = {}


def _vocabulary(folder: str, fingerprint: str | None) -> Vocabulary:
    if (folder, fingerprint) not in _loaded:
        _loaded[folder, fingerprint] = Vocabulary.load(folder)
    return _loaded[folder, fingerprint]


def chunks(examples: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Groups raw examples into lists of at most `CHUNK_EXAMPLES`, shorter ones where they exceed `CHUNK_BYTES`."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for example in examples:
        chunk.append(example)
        size += raw_size(example)
        if len(chunk) >= CHUNK_EXAMPLES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def raw_size(example: dict[str, Any]) -> int:
    """Approximate size of a raw example in bytes."""
    size = 0
    for value in example.values():
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif isinstance(value, np.ndarray):
            size += value.nbytes
        elif isinstance(value, (list, tuple)):
            size += sum(map(len, value))
    return size


class Workers:
    """A pool of processes whose `map` keeps the order and bounds the memory.

    Args:
        count: number of processes; 0 takes one for each processor, at most eight. With 1, everything runs in this
            process.

    Example:
        >>> with Workers(2) as workers:
        ...     list(workers.map(abs, [-1, 2]))
        [1, 2]
    """

    def __init__(self, count: int = 0):
        self.count = count or min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results of `function` in the order of `items`; only a few items are in memory at any time.

        Raises:
            DataError: a worker died.
        """
        if self.count == 1:
            yield from map(function, items)
            return
        pending: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            pool = self._started()
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "a worker process died, most likely because memory ran out; "
                "run the same command again with a smaller --num_workers to continue"
            ) from error
        finally:
            for future in pending:
                future.cancel()

    def _started(self) -> concurrent.futures.ProcessPoolExecutor:
        if self._pool is None:
            # Forking is fast, but not safe while the process has other threads (TensorFlow starts some).
            single_threaded = "tensorflow" not in sys.modules and threading.active_count() == 1
            method = "fork" if single_threaded and "fork" in multiprocessing.get_all_start_methods() else "spawn"
            context = multiprocessing.get_context(method)
            self._pool = concurrent.futures.ProcessPoolExecutor(
                self.count,
                mp_context=context,
                initializer=user_modules.import_folders,  # specs of the user's modalities are sent to the workers
                initargs=(user_modules.folders(),),
            )
        return self._pool
