"""Tracking in MLflow: a folder, a database or a server."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Mapping

from t2t_multimodel import paths
from t2t_multimodel.training.track.tracker import RunFacts, Tracker

_EXPERIMENT = "t2t-multimodel"
_MOST = 100  # hyperparameters or tags of one request


class MlflowTracker(Tracker):
    """Writes a run of the experiment ``MLFLOW_EXPERIMENT_NAME``, ``t2t-multimodel`` unless that variable is set.

    Args:
        target: a folder, or an address that MLflow knows, such as ``http://host:5000`` or ``sqlite:///mlflow.db``.

    Example:
        tracker = MlflowTracker("mlruns")
    """

    def __init__(self, target: str):
        self._address = target
        if "://" not in target and target != "databricks":
            self._address = pathlib.Path(paths.resolve(target)).absolute().as_uri()
        self._client, self._run = None, ""

    def start(self, facts: RunFacts, run: str) -> str:
        # MLflow asks to be told that a folder is meant; and a training shall not wait minutes for a server.
        for name, value in (
            ("ALLOW_FILE_STORE", "true"),
            ("HTTP_REQUEST_TIMEOUT", "20"),
            ("HTTP_REQUEST_MAX_RETRIES", "2"),
        ):
            os.environ.setdefault(f"MLFLOW_{name}", value)
        from mlflow.entities import Param, RunTag
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._address)
        self._run = run
        if run:
            try:
                self._client.update_run(run, status="RUNNING")
            except MlflowException:  # it was removed
                self._run = ""
        if not self._run:
            self._run = self._client.create_run(self._experiment(), run_name=facts.name).info.run_id
            params = [Param(name, str(value)) for name, value in facts.hparams.items()]
            for start in range(0, len(params), _MOST):
                self._client.log_batch(self._run, params=params[start : start + _MOST])
        self._client.log_batch(self._run, tags=[RunTag(name, value) for name, value in facts.tags.items()])
        return self._run

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found is not None else self._client.create_experiment(name)

    def log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, metrics=[Metric(name, value, now, step) for name, value in values.items()])

    def add_file(self, path: pathlib.Path) -> None:
        self._client.log_artifact(self._run, str(path))

    def finish(self, complete: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if complete else "KILLED")
