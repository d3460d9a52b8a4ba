"""What is told of a training while it runs: lines or a view on the terminal, and TensorBoard's summaries."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from t2t_multimodel.training.watch.intervals import Intervals
from t2t_multimodel.training.watch.plain import print_line
from t2t_multimodel.training.watch.summaries import Summaries, write_hparams
from t2t_multimodel.training.watch.terminal import TerminalView, is_terminal

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class TrainingLog:
    """Collects the values of steps without waiting for them, and reports now and then.

    Args:
        train_steps: the last step.
        start: number of steps that earlier sessions finished.
        summaries: for TensorBoard, or None: nothing is printed or written.
        view: shows the training on a terminal; lines are printed without one.
        seconds: time between lines and between summaries.

    Example:
        log = TrainingLog(train_steps=100, start=0, summaries=Summaries(Events("run/events")))
        log.add_parts(1, [("mini_parsing", values)])
    """

    def __init__(
        self,
        *,
        train_steps: int,
        start: int,
        summaries: Summaries | None,
        view: TerminalView | None = None,
        seconds: float = 10.0,
    ):
        self._summaries, self._view = summaries, view
        self._intervals: list[Intervals] = []
        if summaries is None:
            return
        sinks = [summaries.interval] if view else [print_line, summaries.interval]
        self._intervals.append(Intervals(sinks, train_steps=train_steps, start=start, seconds=seconds))
        if view:
            self._intervals.append(Intervals([view.show], train_steps=train_steps, start=start, seconds=view.seconds))

    def add_parts(self, step: int, parts: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Takes the values of a step; prints or writes when it is time.

        Args:
            step: number of steps finished, this one included.
            parts: each problem that it trained, and the values of its part, as `make_train_step`'s step gives them.
        """
        parts = list(parts)
        for intervals in self._intervals:
            intervals.add(step, parts)

    @contextlib.contextmanager
    def paused(self, step: int) -> Iterator[None]:
        """Leaves the time within the block out of the rates; reports the steps before it.

        Args:
            step: number of steps finished.
        """
        self.flush(step)
        try:
            yield
        finally:
            for intervals in self._intervals:
                intervals.restart()

    def flush(self, step: int) -> None:
        """Reports the steps since the last time."""
        for intervals in self._intervals:
            intervals.flush(step)

    def evaluation(self, records: list[dict[str, Any]]) -> None:
        """Takes the records of an evaluation."""
        if self._summaries is not None:
            self._summaries.evaluation(records)
        if self._view is not None:
            self._view.evaluation(records)


@contextlib.contextmanager
def open_log(trainer: Trainer) -> Iterator[TrainingLog]:
    """The block in which a training is told of; of several workers the chief tells."""
    config = trainer.config
    span = {"train_steps": config.train_steps, "start": trainer.step}
    if not trainer.workers.chief:
        yield TrainingLog(**span, summaries=None)
        return
    write_hparams(trainer.events, {**config.hparams.flat(), "seed": config.seed}, config.output_dir)
    summaries = Summaries(trainer.events, trainer.mixer)
    if config.progress == "plain" or not is_terminal(sys.stderr):
        yield TrainingLog(**span, summaries=summaries)
        return
    with TerminalView(config.problems) as view:
        yield TrainingLog(**span, summaries=summaries, view=view)
