"""What is generated: one `Job` for each problem, and the `Run` they share."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from t2t_multimodel.data import storage
from t2t_multimodel.data.problem import Problem, Source


@dataclasses.dataclass(frozen=True)
class Run:
    """What is the same for all problems of a run.

    Attributes:
        data_dir: where shards, vocabulary and metadata go.
        tmp_dir: scratch folder, shared with other runs.
        work_dir: the part of `tmp_dir` that belongs to this run.
        seed: of generated corpora, of the shuffle, and of the vocabulary's sample.
        strict: the first bad raw example is an error.
        overwrite: generate also what is there.
        report: called with lines for the user.
        warn: called with one line for each bad example.
        beam_options: options of the Apache Beam runner, ``name=value`` each; None encodes on this machine.
    """

    data_dir: storage.AnyPath
    tmp_dir: pathlib.Path
    work_dir: pathlib.Path
    seed: int
    strict: bool
    overwrite: bool
    report: Callable[[str], None]
    warn: Callable[[str], None]
    beam_options: tuple[str, ...] | None = None

    @property
    def in_store(self) -> bool:
        """Whether `data_dir` is in an object store; files are made in `work_dir` then and uploaded."""
        return not isinstance(self.data_dir, pathlib.Path)


@dataclasses.dataclass
class Job:
    """One problem of a run.

    Attributes:
        problem: the problem.
        source_dir: its corpus, or None.
        options: values of all its options.
        settings: what its shards depend on beside corpus and vocabulary.
    """

    problem: Problem
    source_dir: pathlib.Path | None
    options: dict[str, Any]
    settings: dict[str, Any]

    def source(self, run: Run, warn: Callable[[str], None] | None = None) -> Source:
        """A source to read the problem's raw examples from.

        Args:
            run: the run.
            warn: replaces `run.warn`.
        """
        run.tmp_dir.mkdir(parents=True, exist_ok=True)
        return Source(
            source_dir=self.source_dir,
            tmp_dir=run.tmp_dir,
            seed=run.seed,
            options=self.options,
            strict=run.strict,
            warn=warn or run.warn,
        )


@dataclasses.dataclass
class RawSplit:
    """All raw examples of a split, what was dropped, and the warnings still to be given."""

    examples: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    dropped: Counter = dataclasses.field(default_factory=Counter)
    warnings: list[str] = dataclasses.field(default_factory=list)
