"""The vocabulary of a run: read from the data folder, or learned from the training text of all problems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from t2t_multimodel.data.console import progress
from t2t_multimodel.data.generation.job import Job, RawSplit, Run
from t2t_multimodel.data.generation.vocabulary_fit import (
    OPTION,
    pieces_a_word,
    text_sides,
    warn_of_bad_fit,
    words_of,
)
from t2t_multimodel.data.generation.workers import raw_size
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.problem import read_examples
from t2t_multimodel.data.vocabulary.build import MAX_TRAINING_CHARS, TextSample
from t2t_multimodel.data.vocabulary.vocabulary import DEFAULT_SIZE, JSON_FILE, MODEL_FILE, Label, Vocabulary
from t2t_multimodel.errors import DataError, VocabularyError

_CACHE_BYTES = 1 << 30
_MEMORY_SHARE = 8


class RawCache:
    """Raw examples that were read for the vocabulary, kept for the encoding as far as memory allows."""

    def __init__(self):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self._budget = min(_CACHE_BYTES, memory // _MEMORY_SHARE)
        self._splits: dict[tuple[str, str], RawSplit] = {}

    def read(self, job: Job, run: Run, split: str) -> Iterator[dict[str, Any]]:
        """Yields the examples of a split, and keeps them if the split fits into the remaining memory."""
        kept: RawSplit | None = RawSplit()
        source = job.source(run, warn=kept.warnings.append)
        size = 0
        warnings = kept.warnings
        try:
            for example in read_examples(job.problem, split, source):
                yield example
                if kept is None:
                    continue
                size += raw_size(example) + 200
                if size > self._budget:
                    kept = None
                else:
                    kept.examples.append(example)
        except Exception:  # nobody will read the split again, and its warnings may say why
            for line in warnings:
                run.warn(line)
            raise
        if kept is not None:
            kept.dropped = source.dropped
            self._budget -= size
            self._splits[job.problem.name, split] = kept

    def take(self, name: str, split: str) -> RawSplit | None:
        """Removes and returns a kept split; None if it was not kept."""
        return self._splits.pop((name, split), None)


def shared_vocabulary(jobs: Sequence[Job], run: Run, size: int | None, cache: RawCache) -> Vocabulary:
    """The vocabulary of `run.data_dir`, learned first if there is none.

    Args:
        jobs: the problems of the run.
        run: the run.
        size: wanted number of ids, or None.
        cache: keeps the examples that are read.

    Raises:
        VocabularyError: the existing one has another size, or none can be learned.
    """
    exists = any((run.data_dir / name).exists() for name in (MODEL_FILE, JSON_FILE))
    if exists and not (run.overwrite and not _others(jobs, run)):
        vocabulary = Vocabulary.load(run.data_dir)
        made = vocabulary.options.get("requested_size", vocabulary.size)
        if size not in (None, made):
            raise VocabularyError(
                f"{run.data_dir} has a vocabulary of size {made}, not {size}; "
                "leave out --vocab_size, or give another --data_dir"
            )
        warn_of_bad_fit(vocabulary, [job for job in jobs if job.problem.uses_vocabulary], run)
        return vocabulary
    text_jobs = [job for job in jobs if job.problem.uses_vocabulary]
    texts: list[str] = []
    labels: set[str] = set()
    samples: dict[str, list[str]] = {}
    for job in text_jobs:
        sample = TextSample(MAX_TRAINING_CHARS // len(text_jobs), run.seed)
        found = _collect(job, run, "train", cache, sample)
        if found:  # labels that occur only in dev or test need ids, too
            for split in ("dev", "test"):
                found |= _collect(job, run, split, cache, None)
        texts.extend(sample.texts)
        samples[job.problem.name] = sample.texts
        labels |= found
    vocabulary = Vocabulary.build(texts, labels, size or DEFAULT_SIZE, seed=run.seed)
    measured = {name: pieces_a_word(vocabulary, sample) for name, sample in samples.items()}
    vocabulary.options[OPTION] = {name: round(found, 3) for name, found in measured.items() if found is not None}
    vocabulary.save(run.data_dir)
    run.report(f"vocabulary: {vocabulary.size} ids, {len(labels)} of them labels, from {len(text_jobs)} problems")
    return vocabulary


def _others(jobs: Sequence[Job], run: Run) -> bool:
    """Whether the folder holds text problems that this run does not generate again."""
    names = {job.problem.name for job in jobs}
    for path in run.data_dir.glob("*.json"):
        if path.name == JSON_FILE or path.stem in names:
            continue
        try:
            if Metadata.load(run.data_dir, path.stem).vocabulary:
                return True
        except DataError:
            continue
    return False


def _collect(job: Job, run: Run, split: str, cache: RawCache, sample: TextSample | None) -> set[str]:
    """Adds the text of a split to `sample` and returns its labels."""
    labels: set[str] = set()
    with progress(f"{job.problem.name}-{split}: reading text", "examples") as bar:
        for example in cache.read(job, run, split):
            for side in text_sides(job.problem):
                value = example[side]
                words = words_of(value)
                if not isinstance(value, str):
                    labels.update(token for token in value if isinstance(token, Label))
                if sample is not None and (words or isinstance(value, str)):
                    sample.add(words)
            bar.update()
    return labels
