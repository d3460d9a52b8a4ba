"""What takes part in a training beyond its steps, evaluations and saves: the best weights, summaries, tracking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.training.loop.controller import StepOutput

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class Hook:
    """Takes part in a training; each method does nothing unless it is overridden.

    With several workers all of them call the hooks, in the same order; what is written to the run folder is the
    chief's alone (`trainer.workers.chief`). What a hook keeps in `state` is saved with each checkpoint and restored
    with it, so that a run that was killed ends as one that was not.

    Attributes:
        name: under which checkpoints keep its state; empty for a hook without one.

    Example:
        class StopWhenLow(Hook):
            def evaluated(self, records):
                return all(record["loss"] < 0.1 for record in records)
    """

    name = ""

    def begin(self, trainer: Trainer) -> bool | None:
        """Called before the first step of a session, after the checkpoint was restored.

        Gives whether the training ends before its first step.
        """

    def stepped(self, output: StepOutput) -> bool | None:
        """Called after each step; gives whether the training ends here."""

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> bool | None:
        """Called with the records of each evaluation, the last one included; gives whether the training ends here."""

    def saved(self, path: str) -> None:
        """Called after each checkpoint, with its path."""

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Called once the training is finished, with the records of the last evaluation."""

    def leave(self) -> None:
        """Called last, however the session ends: finished, stopped by a signal, or by an error."""

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint keeps, as JSON values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`; called before `begin` where the checkpoint has a state under this name."""
