"""Makes the runs of an experiment that are missing, each in a process of its own."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from t2t_multimodel import api
from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.declare import Run
from t2t_multimodel.experiments.results import Folders, keep

_MODULE = "t2t_multimodel.bin.t2t_experiments"
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def arguments(run: Run, output_dir: str, source_dir: str | None = None) -> list[str]:
    """Of `t2t-experiments`, which then makes one run."""
    words = [f"--scale={run.scale}", f"--run={run.name}", f"--output_dir={output_dir}"]
    return words + ([f"--source_dir={source_dir}"] if source_dir else [])


def commands(runs: Sequence[Run], output_dir: str, source_dir: str | None = None) -> list[str]:
    """Independent command lines for a scheduler; those that generate data come first, and must end first."""
    folders, source = Folders(output_dir, runs[0].scale), [f"--source_dir={source_dir}"] if source_dir else []
    lines = {}
    for run in runs:
        words = ["t2t-datagen", f"--problem={run.suite}", f"--data_dir={folders.data(run)}", *source]
        if run.data_options:
            words.append(f"--problem_options={run.data_options}")
        lines[shlex.join(words)] = None
    return [*lines, *(shlex.join(["t2t-experiments", *arguments(run, output_dir, source_dir)]) for run in runs)]


def missing(runs: Sequence[Run], folders: Folders) -> list[Run]:
    """Runs without a result, once each."""
    return list({run.name: run for run in runs if not folders.result(run).exists()}.values())


def make(run: Run, output_dir: str, source_dir: str | None = None) -> None:
    """Makes one run in this process, or goes on with one that was cut, and keeps its result.

    Its checkpoints are removed then.

    Raises:
        MultiModelError: data cannot be generated, the training fails, or another process is at it.
    """
    from t2t_multimodel.experiments.measure import measure

    folders = Folders(output_dir, run.scale)
    if folders.result(run).exists():
        return
    folder = folders.training(run)
    result = measure(run, data_dir=str(folders.data(run)), run_dir=str(folder), source_dir=source_dir)
    keep(folders.result(run), result)
    for path in folder.glob("ckpt-*"):
        path.unlink()


def make_all(runs: Sequence[Run], output_dir: str, *, source_dir: str | None = None, jobs: int = 1) -> None:
    """Makes runs, and says so line by line.

    Args:
        runs: of one scale, once each; those with a result are passed over.
        output_dir: of data, runs and results.
        source_dir: of the raw corpora.
        jobs: runs that are made side by side; they share the processors.

    Raises:
        ExperimentError: runs failed; the others were made.
    """
    if not runs:
        return
    folders = Folders(output_dir, runs[0].scale)
    for run in {folders.data(run): run for run in runs}.values():
        api.generate_data(run.suite, data_dir=folders.data(run), source_dir=source_dir, options=run.data_options)
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        futures = {pool.submit(_in_process, run, output_dir, source_dir, jobs): run for run in runs}
        for number, future in enumerate(concurrent.futures.as_completed(futures), 1):
            run, (seconds, error) = futures[future], future.result()
            print(f"{number}/{len(runs)} {run.name}: {error or f'{seconds:.0f} s'}", flush=True)
            if error:
                failed.append(run.name)
    if failed:
        logs = folders.log(runs[0]).parent
        raise ExperimentError(f"{len(failed)} of {len(runs)} runs failed; read {logs}, and start the command again")


def _in_process(run: Run, output_dir: str, source_dir: str | None, jobs: int) -> tuple[float, str]:
    log, began = Folders(output_dir, run.scale).log(run), time.perf_counter()
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", _MODULE, *arguments(run, output_dir, source_dir)]
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=_environment(jobs), check=False)
    return time.perf_counter() - began, _failure(done.returncode, log) if done.returncode else ""


def _environment(jobs: int) -> Mapping[str, str]:
    """The threads of each of several runs are its share of the processors, unless the user chose."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    return {**({} if jobs == 1 else dict.fromkeys(_THREADS, threads)), **os.environ}


def _failure(status: int, log: pathlib.Path) -> str:
    if status < 0:
        return f"failed: killed by signal {-status}"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"failed: {lines[-1][:300] if lines else 'without a word'}"
