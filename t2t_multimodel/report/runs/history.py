"""What a run's folder tells of its training: hyperparameters, evaluations, curves."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from t2t_multimodel import metrics
from t2t_multimodel.data import storage
from t2t_multimodel.errors import CheckpointError, MultiModelError
from t2t_multimodel.hparams.base import flat_values
from t2t_multimodel.report.runs.event_scalars import Point, read_scalars
from t2t_multimodel.runs.layout import MANIFEST, METRICS
from t2t_multimodel.runs.metrics_log import is_of_training, read_records

TRAINING_LOSS = "training loss"
_SCORES = ("loss", "token_accuracy", "sequence_accuracy", "top1", "top5")


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """One value of a curve; the time is None where the run has no events of it."""

    step: int
    seconds: float | None
    value: float


@dataclasses.dataclass(frozen=True)
class RunHistory:
    """One run.

    Attributes:
        name: for people.
        folder: as it was given.
        hparams: by ``group.name``, and ``seed``; empty where model.json is missing.
        records: of each problem, those of its dev split by step, ascending.
        training: smoothed training loss of each problem.
        times: seconds of training at each evaluation, by step.
        notes: what could not be read.
    """

    name: str
    folder: str
    hparams: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]
    training: dict[str, list[CurvePoint]]
    times: dict[int, float]
    notes: tuple[str, ...] = ()

    def scores(self, problem: str) -> list[str]:
        """Names of a problem's scores, loss first, then accuracies and the task's metrics."""
        records = self.records.get(problem, [])
        known = (*_SCORES, *(f"ema_{name}" for name in _SCORES), *metrics.names())
        return [name for name in known if any(_is_number(one.get(name)) for one in records)]

    def curve(self, problem: str, name: str) -> list[CurvePoint]:
        """A score of a problem over its evaluations, or `TRAINING_LOSS`."""
        if name == TRAINING_LOSS:
            return self.training.get(problem, [])
        return [
            CurvePoint(record["step"], self.times.get(record["step"]), record[name])
            for record in self.records.get(problem, [])
            if _is_number(record.get(name))
        ]

    def last(self, problem: str) -> Mapping[str, Any]:
        """The record of a problem's last evaluation; empty where it has none."""
        records = self.records.get(problem, [])
        return records[-1] if records else {}

    def best(self, problem: str) -> Mapping[str, Any]:
        """The record of a problem's least loss; empty where it has none."""
        records = [record for record in self.records.get(problem, []) if _is_number(record.get("loss"))]
        return min(records, key=lambda record: record["loss"], default={})

    def relative_loss(self) -> float | None:
        """The mean over problems of the last loss relative to the baseline's; None where a loss is missing."""
        last = [self.last(problem) for problem in self.records]
        if not last or not all(_is_number(one.get("loss")) and one.get("baseline_loss") for one in last):
            return None
        return sum(one["loss"] / one["baseline_loss"] for one in last) / len(last)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_history(folder: str | os.PathLike, name: str) -> RunHistory:
    """Reads what there is of a run.

    Args:
        folder: of the run.
        name: for people.

    Raises:
        CheckpointError: there are no evaluations in it.
        MultiModelError: it cannot be read.
    """
    folder, notes = os.fspath(folder), []
    if not storage.at(folder).is_dir():
        raise CheckpointError(f"{folder} is no folder; give the --output_dir of a training")
    try:
        records, scalars = read_records(folder), read_scalars(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{folder} cannot be read ({error}); check the path and its permissions") from error
    by_problem = _by_problem(records)
    if not by_problem:
        raise CheckpointError(
            f"{folder} has no evaluations of a dev split ({METRICS} is missing or empty); give the --output_dir of a"
            " training"
        )
    try:
        hparams = _hparams(folder)
    except (MultiModelError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hparams = {}
        notes.append(f"hyperparameters of {folder} are unknown: {MANIFEST} cannot be read ({error})")
    prefix = "loss/"
    return RunHistory(
        name=name,
        folder=folder,
        hparams=hparams,
        records=by_problem,
        training={tag[len(prefix) :]: _curve(points) for tag, points in scalars.items() if tag.startswith(prefix)},
        times={
            point.step: point.seconds
            for tag, points in scalars.items()
            if tag.startswith("dev_loss/")
            for point in points
        },
        notes=tuple(notes),
    )


def _curve(points: list[Point]) -> list[CurvePoint]:
    return [CurvePoint(one.step, one.seconds, one.value) for one in points if math.isfinite(one.value)]


def _by_problem(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Records of the dev split by problem; those of one step, as the trainer's and t2t-eval's, are joined."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for record in records:
        complete = isinstance(record, dict) and {"split", "step"} <= record.keys()
        if complete and is_of_training(record) and isinstance(record["step"], int):
            steps = found.setdefault(str(record.get("problem")), {})
            steps[record["step"]] = {**steps.get(record["step"], {}), **record}
    return {problem: [steps[step] for step in sorted(steps)] for problem, steps in sorted(found.items())}


def _hparams(folder: str) -> dict[str, Any]:
    data = json.loads((storage.at(folder) / MANIFEST).read_text(encoding="utf-8"))
    return {**flat_values(data["hparams"]), "seed": data["seed"], "problems": ", ".join(data["problems"])}
