"""The hook that tells a tracker of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.runs.layout import MANIFEST, METRICS
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.track.facts import run_facts
from t2t_multimodel.training.track.tracker import Tracker
from t2t_multimodel.training.watch.intervals import Interval, Intervals

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class Tracking(Hook):
    """Tells a tracker hyperparameters, versions, the state of git, losses now and then, evaluations, and files.

    A run that continues goes on in the same tracked run, whose id checkpoints keep. What the tracker fails in is told
    once; then the session goes on without it.

    Args:
        tracker: keeps it.
        target: names the tracker; a run that continues elsewhere begins a new tracked run.
        seconds: between training losses.

    Example:
        train(config, hooks=[Tracking(FileTracker(path), "file:tracked.jsonl")])
    """

    name = "tracking"

    def __init__(self, tracker: Tracker, target: str, *, seconds: float = 30.0):
        self._tracker: Tracker | None = tracker
        self._target, self._seconds = target, seconds
        self._run, self._folder, self._open = "", "", False
        self._intervals: Intervals | None = None

    def begin(self, trainer: Trainer) -> None:
        """Begins or continues the tracked run; of several workers the chief does."""
        if not trainer.workers.chief:
            self._tracker = None
            return
        self._folder = trainer.config.output_dir
        self._intervals = Intervals(
            [self._log_interval], train_steps=trainer.config.train_steps, start=trainer.step, seconds=self._seconds
        )
        self._ask(lambda tracker: self._start(tracker, trainer))

    def _start(self, tracker: Tracker, trainer: Trainer) -> None:
        self._run = tracker.start(run_facts(trainer.config), self._run)
        self._open = True

    def stepped(self, output: StepOutput) -> None:
        """Takes the values of a step."""
        if self._tracker is not None:
            self._intervals.add(output.step, output.parts)

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Tells the scores of an evaluation."""
        if self._tracker is None or self._intervals is None or not records:
            return
        values = {
            f"{record['split']}_{name}/{record['problem']}": value
            for record in records
            for name, value in record.items()
            if isinstance(value, float)
        }
        self._intervals.flush(records[0]["step"])
        self._log(values, records[0]["step"])
        self._intervals.restart()

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Adds the files of the run and ends the tracked run."""
        self._ask(self._add_files)
        self._finish(complete=True)

    def _add_files(self, tracker: Tracker) -> None:
        for name in (MANIFEST, METRICS):
            if (path := storage.at(self._folder) / name).exists():
                tracker.add_file(storage.local_copy(path))

    def leave(self) -> None:
        """Ends the session of a tracked run that was not finished."""
        self._finish(complete=False)

    def state(self) -> Mapping[str, Any]:
        """Which tracked run it is."""
        return {"target": self._target, "run": self._run}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on in the tracked run, if it is kept in the same place."""
        self._run = state["run"] if state["target"] == self._target else ""

    def _finish(self, complete: bool) -> None:
        if self._open:
            self._open = False
            self._ask(lambda tracker: tracker.finish(complete))

    def _log_interval(self, interval: Interval) -> None:
        values = {"steps_per_second": interval.steps_per_second}
        for problem, one in interval.problems.items():
            values |= {f"loss/{problem}": one.loss, f"token_accuracy/{problem}": one.accuracy}
            values |= {f"gradient_norm/{problem}": one.gradient_norm, f"learning_rate/{problem}": one.learning_rate}
        self._log(values, interval.step)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self._ask(lambda tracker: tracker.log(finite, step))

    def _ask(self, work: Callable[[Tracker], object]) -> None:
        """Asks the tracker, unless it has failed before."""
        if self._tracker is None:
            return
        try:
            work(self._tracker)
        except Exception as error:  # of a service, or of a package that is not ours
            self._tracker, self._open = None, False
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            print_warning(f"tracking by {self._target} ends here ({reason}); training goes on")
