"""The loop of a training: steps, and actions on what each step gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class StepOutput:
    """What one step gives to the actions.

    Attributes:
        step: number of steps finished, this one included.
        problem: name of the problem that was trained; several are joined by "+" (distributed mixing).
        values: scalars by name, e.g. ``"loss"``, as tensors: only an action that reads one waits for it.
        last: whether this is the last step that was asked for.
    """

    step: int
    problem: str
    values: Mapping[str, Any]
    last: bool = False

    @property
    def parts(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The problems that were trained, with their own values."""
        return self.values.get("parts", [(self.problem, self.values)])


Action = Callable[[StepOutput], bool | None]


class Controller:
    """Runs steps; after each one it calls actions with the step's output, in their order.

    Args:
        train_step: takes the number of a step, counted from 0, and gives the problem's name and the values.
        step: number of steps that earlier sessions finished.

    Attributes:
        step: number of steps finished.

    Example:
        controller = Controller(trainer.train_step)
        controller.run(100, [print])
    """

    def __init__(self, train_step: Callable[[int], tuple[str, Mapping[str, Any]]], *, step: int = 0):
        self._train_step = train_step
        self.step = step

    def run(self, train_steps: int, actions: Sequence[Action] = ()) -> int:
        """Runs until `train_steps` steps are finished.

        Args:
            train_steps: number of the last step.
            actions: callables on a `StepOutput`. Where one returns True, the run ends after the actions of that step.

        Returns:
            the number of steps finished.
        """
        while self.step < train_steps:
            problem, values = self._train_step(self.step)
            self.step += 1
            output = StepOutput(self.step, problem, values, last=self.step == train_steps)
            stops = [action(output) for action in actions]
            if any(stops):
                break
        return self.step
