"""The data engine: raw corpora to shuffled TFRecord shards, one shared vocabulary, and metadata.

Several problems are generated in one run. The shards depend only on corpus, options, seed, vocabulary and number of
shards. The number of workers makes no difference, nor does an interruption after which the run is started again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence

from t2t_multimodel import paths, registry
from t2t_multimodel.data import metadata, storage
from t2t_multimodel.data.console import print_warning, table
from t2t_multimodel.data.generation.job import Job, Run
from t2t_multimodel.data.generation.shared_vocabulary import RawCache, shared_vocabulary
from t2t_multimodel.data.generation.split_writer import SplitWriter
from t2t_multimodel.data.generation.workers import Encoder, Workers
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.problem import SPLITS, Problem, parse_options
from t2t_multimodel.data.records.tfrecord import shard_paths
from t2t_multimodel.data.vocabulary import vocabulary
from t2t_multimodel.errors import DataError, MultiModelError, PathError

DEFAULT_SHARDS = 10


def generate(
    problem_names: Sequence[str],
    data_dir: str | os.PathLike,
    *,
    source_dir: str | os.PathLike | Mapping[str, str | os.PathLike] | None = None,
    tmp_dir: str | os.PathLike | None = None,
    seed: int = 0,
    num_shards: int = DEFAULT_SHARDS,
    num_workers: int = 0,
    vocab_size: int | None = None,
    options: str = "",
    strict: bool = False,
    overwrite: bool = False,
    beam_options: Sequence[str] | None = None,
    report: Callable[[str], None] = print,
    warn: Callable[[str], None] = print_warning,
) -> list[Metadata]:
    """Generates problems into `data_dir`. Problems that are there with the same settings are left as they are.

    Args:
        problem_names: names of registered problems.
        data_dir: where shards, vocabulary and metadata go.
        source_dir: the raw corpora: one folder for all problems, or a folder for each by its name.
        tmp_dir: folder for temporary files; `<data_dir>/tmp` by default.
        seed: seed of generated corpora, of the shuffle, and of the vocabulary's sample.
        num_shards: number of training shards of each problem; dev and test have one.
        num_workers: number of processes that encode; 0 takes one for each processor.
        vocab_size: wanted number of ids if the vocabulary must be learned; 8192 by default.
        options: ``name=value,problem.name=value``.
        strict: the first bad raw example is an error.
        overwrite: generate also what is there.
        beam_options: run on Apache Beam with these options of its runner, ``name=value`` each; None runs on this
            machine.
        report: called with lines for the user.
        warn: called with one line for each bad example.

    Returns:
        The metadata of all `problem_names`, in order.

    Raises:
        SourceError: a corpus is missing.
        DataError: the folder holds data of other settings, another run is writing it, or the disk is full.
        VocabularyError: the folder holds a vocabulary of another size, or none can be learned.
        MultiModelError: an argument is out of range or unknown.

    Example:
        >>> sizes = "train_examples=40,dev_examples=8,test_examples=8"
        >>> settings = {"options": sizes, "num_workers": 1, "report": lambda line: None}
        >>> (metadata,) = generate(["mini_caption"], "small", **settings)
        >>> metadata.splits["train"].examples
        40
    """
    run = _run(data_dir, tmp_dir, seed, strict, overwrite, report, warn)
    if beam_options is not None:
        run = dataclasses.replace(run, beam_options=tuple(beam_options))
    jobs = _jobs(problem_names, source_dir, options, seed, num_shards)
    if not 0 <= seed < 1 << 63:
        raise MultiModelError(f"--random_seed={seed} is out of range; give 0 or a positive number")
    with _plain_errors(run):
        todo = _remaining(jobs, run)
        if todo:  # where all is complete, several processes may ask at once
            with _locked(run), Workers(num_workers) as workers:
                todo = _remaining(jobs, run)  # another process may have made some since
                _check_space(todo, run)
                _generate(todo, run, vocab_size, workers)
    for job in jobs:
        if job not in todo:
            report(f"{job.problem.name}: complete in {run.data_dir}, nothing to do (--overwrite makes it again)")
    done = [Metadata.load(run.data_dir, name) for name in problem_names]
    report(summary(done))
    return done


def summary(problems: Sequence[Metadata]) -> str:
    """A table of the splits: examples, units, mean and maximal lengths, and dropped examples by reason."""
    rows = [["problem", "split", "examples", "input units", "mean", "max", "target tokens", "mean", "max", "dropped"]]
    for meta in problems:
        for split, stats in meta.splits.items():
            examples = max(1, stats.examples)
            dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(stats.dropped.items()))
            inputs = [f"{stats.input_units:,}", f"{stats.input_units / examples:.1f}", f"{stats.input_max:,}"]
            targets = [f"{stats.target_tokens:,}", f"{stats.target_tokens / examples:.1f}", f"{stats.target_max:,}"]
            rows.append([meta.problem, split, f"{stats.examples:,}", *inputs, *targets, dropped or "0"])
    return table(rows)


def parse_source_dir(text: str | None) -> str | dict[str, str] | None:
    """A ``--source_dir`` value: one folder, or ``problem=folder,problem=folder``.

    Raises:
        MultiModelError: some parts name a problem and others do not.
    """
    if not text:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    named = [part.partition("=") for part in parts]
    if not all(equals and name.isidentifier() for name, equals, _ in named):
        if len(parts) > 1 and any(equals and name.isidentifier() for name, equals, _ in named):
            raise MultiModelError(f"--source_dir={text} mixes forms; give FOLDER, or PROBLEM=FOLDER,PROBLEM=FOLDER")
        return text
    folders: dict[str, str] = {}
    for name, _, folder in named:
        for problem in registry.expand_problems(name):
            folders[problem] = folder
    return folders


def _run(data_dir, tmp_dir, seed, strict, overwrite, report, warn) -> Run:
    folder = storage.at(paths.resolve(data_dir))
    scratch = pathlib.Path(paths.resolve(tmp_dir)) if tmp_dir else storage.scratch_folder(folder)
    if paths.is_remote(scratch):
        raise PathError(f"--tmp_dir={tmp_dir} is in an object store; give a folder of this machine")
    # Runs into different data folders may share a tmp_dir.
    name = "datagen-" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return Run(folder, scratch, scratch / name, seed, strict, overwrite, report, warn)


def _jobs(names: Sequence[str], source_dir, options: str, seed: int, num_shards: int) -> list[Job]:
    if not names:
        raise MultiModelError("no problem named; give at least one")
    if num_shards < 1 or num_shards > 99_999:
        raise MultiModelError(f"--num_shards={num_shards} is out of range; give 1 to 99999")
    problems = [registry.problem(name) for name in dict.fromkeys(names)]
    _check_options(problems, options)
    jobs, folders = [], paths.resolve_each(source_dir)
    for problem in problems:
        folder = folders.get(problem.name) if isinstance(folders, Mapping) else folders
        values = parse_options(problem, options)
        settings = {"seed": seed, "train_shards": num_shards, "options": values}
        jobs.append(Job(problem, pathlib.Path(folder) if folder else None, values, settings))
    return jobs


def _check_options(problems: Sequence[Problem], options: str) -> None:
    """An option without a prefix must be one of some problem of the run; a prefix must be a known problem."""
    known = {name for problem in problems for name in problem.options}
    for item in filter(None, (part.strip() for part in options.split(","))):
        name, equals, _ = item.partition("=")
        owner, dot, _ = name.rpartition(".")
        if not equals:
            raise MultiModelError(f"--problem_options: {item!r} has no value; write name=value")
        if dot and owner not in registry.problem_names():
            raise MultiModelError(registry.unknown_name_message("problem", owner, registry.problem_names()))
        if not dot and name not in known:
            raise MultiModelError(registry.unknown_name_message("problem option", name, known))


@contextlib.contextmanager
def _locked(run: Run) -> Iterator[None]:
    """Makes the folders and locks them against a second run."""
    flag = "--data_dir"
    try:
        run.data_dir.mkdir(parents=True, exist_ok=True)
        flag = flag if run.tmp_dir.is_relative_to(str(run.data_dir)) else "--tmp_dir"
        run.work_dir.mkdir(parents=True, exist_ok=True)
        lock = open(run.work_dir / "lock", "w")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{error.filename} cannot be written ({error.strerror}); give another {flag}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"another t2t-datagen is writing {run.data_dir}; wait for it to end") from None
        try:
            yield
        except BaseException:
            if not any(run.work_dir.glob("*.state.json")):
                _remove_scratch(run)
            raise
        _remove_scratch(run)


def _remove_scratch(run: Run) -> None:
    shutil.rmtree(run.work_dir, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty: other runs use it
        run.tmp_dir.rmdir()


@contextlib.contextmanager
def _plain_errors(run: Run) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = f"no space left for {error.filename or run.data_dir}; free some and run again to continue"
            raise DataError(message) from error
        if isinstance(error, PermissionError) and error.filename:
            raise DataError(f"{error.filename} may not be used ({error.strerror}); change its rights") from error
        raise


def _remaining(jobs: Sequence[Job], run: Run) -> list[Job]:
    """The jobs still to be done; raises DataError where the folder holds data of other settings."""
    todo = []
    for job in jobs:
        name = job.problem.name
        if run.overwrite or not metadata.metadata_path(run.data_dir, name).exists():
            todo.append(job)
            continue
        found = Metadata.load(run.data_dir, name)
        wanted = {**job.settings, "vocabulary": found.vocabulary}
        differing = [key for key in wanted if found.settings.get(key) != wanted[key]]
        if differing:
            key = differing[0]
            raise DataError(
                f"{run.data_dir} holds {name} made with {key} {found.settings.get(key)}, not {wanted[key]}; "
                "give another --data_dir, or --overwrite to make it again"
            )
        _check_vocabulary(found, run.data_dir)
        for split, stats in found.splits.items():
            if stats.shards:
                shard_paths(run.data_dir, name, split)
    return todo


def _check_vocabulary(found: Metadata, data_dir: storage.AnyPath) -> None:
    if found.vocabulary and vocabulary.Vocabulary.load(data_dir).fingerprint != found.vocabulary:
        raise DataError(
            f"{found.problem} in {data_dir} was made with another vocabulary than the one there; run with --overwrite"
        )


def _check_space(jobs: Sequence[Job], run: Run) -> None:
    """Compares the free space with a low estimate of what the shards need: text shrinks to ids, audio grows."""
    sizes = {folder: metadata.source_size(folder) for folder in {job.source_dir for job in jobs}}
    needed = 0
    for folder, size in sizes.items():
        inputs = [job.problem.inputs for job in jobs if job.source_dir == folder]
        needed += int(size * max(spec.shard_bytes for spec in inputs))
    folder = run.work_dir if run.in_store else run.data_dir
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder} has {free / 1e9:.1f} GB free, the shards need about {needed / 1e9:.1f} GB; "
            "free some, or name a narrower --source_dir"
        )


def _generate(jobs: Sequence[Job], run: Run, vocab_size: int | None, workers: Workers) -> None:
    cache = RawCache()
    fingerprint = None
    if any(job.problem.uses_vocabulary for job in jobs):
        vocab = shared_vocabulary(jobs, run, vocab_size, cache)
        if run.in_store:
            vocab.save(run.work_dir)  # where workers read it
        fingerprint = vocab.fingerprint
    for job in jobs:
        _generate_problem(job, run, fingerprint if job.problem.uses_vocabulary else None, workers, cache)


def _generate_problem(job: Job, run: Run, fingerprint: str | None, workers: Workers, cache: RawCache) -> None:
    name = job.problem.name
    job.settings["vocabulary"] = fingerprint
    metadata.metadata_path(run.data_dir, name).unlink(missing_ok=True)
    encoder = Encoder.of(job.problem, run.work_dir if run.in_store else run.data_dir, fingerprint)
    meta = Metadata(name, job.settings, fingerprint, {}, sources=metadata.source_files(job.source_dir))
    for split in SPLITS:
        writer = _split_writer(job, run, split, encoder, workers)
        stats, histogram = writer.write(cache.take(name, split))
        meta.splits[split] = stats
        if split == "train":
            meta.target_histogram = histogram
            if not stats.examples:
                raise DataError(f"{name} has no training examples{_dropped(stats)}; {job.problem.source_help}")
    meta.label_names = job.problem.label_names(job.source(run, warn=lambda line: None))
    meta.save(run.data_dir)
    run.report(f"{name}: {sum(stats.examples for stats in meta.splits.values()):,} examples written")


def _split_writer(job: Job, run: Run, split: str, encoder: Encoder, workers: Workers) -> SplitWriter:
    """What writes a split: this machine, or Apache Beam where its options are given."""
    if run.beam_options is None:
        return SplitWriter(job, run, split, encoder, workers)
    if run.in_store:
        raise MultiModelError(f"--pipeline=beam cannot write {run.data_dir}; give a folder that all workers see")
    from t2t_multimodel.data.generation.beam_pipeline import BeamSplitWriter

    return BeamSplitWriter(job, run, split, encoder, workers, options=run.beam_options)


def _dropped(stats: metadata.SplitStats) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in stats.dropped.items())
    return f" (dropped: {reasons})" if reasons else ""
