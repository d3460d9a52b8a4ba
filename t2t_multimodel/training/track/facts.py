"""What belongs to a tracked run beside its hyperparameters: versions, the state of git, options of the training."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import subprocess

from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.track.tracker import RunFacts

_PACKAGES = ("t2t-multimodel", "tensorflow", "tensorflow-text", "keras", "numpy")
_WAIT_S = 20


def run_facts(config: TrainConfig) -> RunFacts:
    """What a tracker is told of a training at its start."""
    options = {name: value for name, value in vars(config).items() if name != "hparams"}
    options["problems"] = ", ".join(config.problems)
    tags = {f"option.{name}": str(value) for name, value in options.items()} | versions() | git_state(os.getcwd())
    return RunFacts(pathlib.PurePosixPath(config.output_dir).name, config.hparams.flat(), tags)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a training depends on most."""
    found = {"version.python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[f"version.{name}"] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: str | os.PathLike) -> dict[str, str]:
    """Commit, branch and whether files differ from it, as ``git.commit`` ...; empty where there is no repository."""
    commit, branch, status = (
        _git(folder, *words)
        for words in (("rev-parse", "HEAD"), ("rev-parse", "--abbrev-ref", "HEAD"), ("status", "--porcelain"))
    )
    if commit is None:
        return {}
    return {"git.commit": commit, "git.branch": branch or "", "git.changed": str(bool(status)).lower()}


def _git(folder: str | os.PathLike, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=_WAIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
