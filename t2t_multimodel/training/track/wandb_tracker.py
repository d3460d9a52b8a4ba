"""Tracking in Weights & Biases."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from t2t_multimodel.training.track.tracker import RunFacts, Tracker


class WandbTracker(Tracker):
    """Writes a run of a project; the environment variables of wandb hold, such as ``WANDB_MODE=offline``.

    Args:
        project: its name.
        folder: where wandb keeps its files.

    Example:
        tracker = WandbTracker("multimodel", "run")
    """

    def __init__(self, project: str, folder: str):
        self._project, self._folder = project, folder
        self._run = None

    def start(self, facts: RunFacts, run: str) -> str:
        import wandb

        config = {**facts.hparams, **facts.tags}
        self._run = wandb.init(
            project=self._project,
            name=facts.name,
            id=run or None,
            resume="allow",
            config=config,
            dir=self._folder,
        )
        return self._run.id

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def add_file(self, path: pathlib.Path) -> None:
        import wandb

        artifact = wandb.Artifact(f"{self._run.id}-{path.name}", type="run")
        artifact.add_file(str(path), name=path.name)
        self._run.log_artifact(artifact)

    def finish(self, complete: bool) -> None:
        self._run.finish(exit_code=0 if complete else 1)
