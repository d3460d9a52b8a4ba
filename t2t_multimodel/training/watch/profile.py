"""A trace of a few steps for TensorBoard's profiler."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from t2t_multimodel import paths
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.layout import EVENTS
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.loop.hook import Hook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


def parse_profile(text: str, train_steps: int, output_dir: str) -> range:
    """The steps of ``FIRST:LAST``, counted from 1; none where the text is empty.

    Raises:
        TrainingError: there are no such steps, or the trace would go to an object store.

    Example:
        >>> parse_profile("3:5", 10, "run")
        range(3, 6)
    """
    if not text:
        return range(0)
    found = re.fullmatch(r"(\d+):(\d+)", text)
    first, last = (int(one) for one in found.groups()) if found else (0, 0)
    if not 1 <= first <= last <= train_steps:
        raise TrainingError(
            f"profile={text!r} are no steps of 1 to {train_steps}; give FIRST:LAST, such as 1:{min(10, train_steps)}"
        )
    if paths.is_remote(output_dir):
        raise TrainingError(
            f"profile={text} cannot write to {output_dir}: the profiler writes folders of this machine alone; give such"
            " an output_dir, or leave profile out"
        )
    return range(first, last + 1)


class Profile(Hook):
    """Traces steps: the time of each operation, on host and devices.

    The trace goes to ``<output_dir>/events/profile``. Where the run continues behind the first of the steps, nothing is
    traced, and a line says so.

    Args:
        steps: their numbers, counted from 1.

    Example:
        train(config, hooks=[Profile(range(100, 111))])
    """

    def __init__(self, steps: range):
        self._steps = steps
        self._folder, self._open = "", False
        self._annotation: tf.profiler.experimental.Trace | None = None

    def begin(self, trainer: Trainer) -> None:
        """Starts where the first step is among them."""
        if not trainer.workers.chief:
            self._steps = range(0)
        elif trainer.step >= self._steps[0]:
            print_warning(f"step {self._steps[0]} was trained before: no steps are traced")
            self._steps = range(0)
        self._folder = f"{trainer.config.output_dir}/{EVENTS}/profile"
        self._before(trainer.step + 1)

    def stepped(self, output: StepOutput) -> None:
        """Starts before the first of the steps, ends after the last."""
        if self._annotation is not None:
            float(output.values["loss"])  # the step is finished on its device
            self._annotation.__exit__(None, None, None)
            self._annotation = None
        if self._open and output.step == self._steps[-1]:
            self._close()
        self._before(output.step + 1)

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Writes what was traced where the training ends between the steps."""
        self._close()

    def leave(self) -> None:
        """As `end`, for trainings that do not end well."""
        self._close()

    def _before(self, step: int) -> None:
        if step not in self._steps:
            return
        if not self._open:
            try:
                tf.profiler.experimental.start(self._folder)
            except tf.errors.OpError as error:
                raise TrainingError(
                    f"steps cannot be traced ({error.message[:200]}); end the other profiler, or leave profile out"
                ) from error
            self._open = True
        self._annotation = tf.profiler.experimental.Trace("train", step_num=step, _r=1)
        self._annotation.__enter__()

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            tf.profiler.experimental.stop()
        except tf.errors.OpError as error:
            print_warning(f"the trace is not written to {self._folder} ({error.message[:200]}); training goes on")
