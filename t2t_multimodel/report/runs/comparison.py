"""Runs beside each other: final scores and what differs in their hyperparameters."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from t2t_multimodel import paths
from t2t_multimodel.data.console import number, print_warning
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.report.runs.history import RunHistory, read_history

NONE = "—"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What the report shows.

    Attributes:
        runs: in the order in which they were given.
        notes: lines on what could not be read.
    """

    runs: tuple[RunHistory, ...]
    notes: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """All problems of the runs."""
        return list(dict.fromkeys(problem for run in self.runs for problem in run.records))

    def scores(self, problem: str) -> list[str]:
        """Names of a problem's scores in any of the runs."""
        return list(dict.fromkeys(name for run in self.runs for name in run.scores(problem)))

    def overview(self) -> list[tuple[str, ...]]:
        """A table of the runs: last step, time, and the mean of the losses relative to the baselines."""
        rows: list[tuple[str, ...]] = [("run", "folder", "last step", "hours", "mean loss / baseline")]
        for run in self.runs:
            steps = [record["step"] for records in run.records.values() for record in records]
            hours = f"{max(run.times.values()) / 3600:.3g}" if run.times else NONE
            relative = run.relative_loss()
            rows.append((run.name, run.folder, str(max(steps)), hours, NONE if relative is None else number(relative)))
        return rows

    def table(self, problem: str) -> list[tuple[str, ...]]:
        """The final scores of a problem, a line a run, beside the least loss and its step."""
        names = self.scores(problem)
        rows: list[tuple[str, ...]] = [("run", "step", *names, "baseline loss", "least loss", "at step")]
        for run in self.runs:
            if not (last := run.last(problem)):
                continue
            best = run.best(problem)
            values = [last.get(name) for name in names] + [last.get("baseline_loss"), best.get("loss")]
            cells = [NONE if value is None else number(float(value)) for value in values]
            rows.append((run.name, str(last["step"]), *cells, str(best.get("step", NONE))))
        return rows

    def differences(self) -> list[tuple[str, ...]]:
        """The hyperparameters that differ, a column a run; the header alone where none does."""
        known = [run for run in self.runs if run.hparams]
        rows: list[tuple[str, ...]] = [("hyperparameter", *(run.name for run in known))]
        for name in dict.fromkeys(name for run in known for name in run.hparams):
            cells = tuple(str(run.hparams.get(name, NONE)) for run in known)
            if len(set(cells)) > 1:
                rows.append((name, *cells))
        return rows

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "version": 1,
            "notes": list(self.notes),
            "runs": [
                {
                    "run": run.name,
                    "folder": run.folder,
                    "hparams": run.hparams,
                    "mean_relative_loss": run.relative_loss(),
                    "records": run.records,
                    "seconds": {str(step): round(seconds, 1) for step, seconds in sorted(run.times.items())},
                    "training_loss": {
                        problem: [[one.step, one.seconds, one.value] for one in curve]
                        for problem, curve in run.training.items()
                    },
                }
                for run in self.runs
            ],
            "differences": [dict(zip(rows[0], row)) for rows in [self.differences()] for row in rows[1:]],
        }


def compare(folders: Sequence[str | os.PathLike]) -> Comparison:
    """Reads runs; one that is missing or broken is told, and the others are compared.

    Args:
        folders: of the runs.

    Raises:
        MultiModelError: none of them can be read.

    Example:
        compare(["runs/joint", "runs/single"]).table("mini_parsing")
    """
    folders = list(dict.fromkeys(os.fspath(folder).rstrip("/") for folder in folders))
    runs, notes = [], []
    for folder, name in zip(folders, _names(folders)):
        try:
            run = read_history(paths.resolve(folder), name)
            runs.append(run)
            notes += run.notes
        except MultiModelError as error:
            notes.append(str(error))
    if not runs:
        raise MultiModelError("; ".join(notes) or "no run was given; give the folders of trainings")
    for note in notes:
        print_warning(note)
    return Comparison(tuple(runs), tuple(notes))


def _names(folders: Sequence[str]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    parts = [folder.split("/") for folder in folders]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return list(folders)
