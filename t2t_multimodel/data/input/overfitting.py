"""Which problems overfit, by their losses on dev: they are sampled less."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass
class _Course:
    """The course of a problem's loss on dev: its lowest, evaluations in a row above it, the step of the last one."""

    lowest: float = math.inf
    above: int = 0
    step: int = -1


class Overfitting:
    """Watches losses on dev: a problem overfits once its loss was above its lowest at `patience` evaluations in a row.

    Args:
        patience: number of evaluations; 0 watches nothing.
        factor: of the weight of a problem that overfits.

    Example:
        watch = Overfitting(patience=2, factor=0.25)
        lines = [line for step, loss in ((10, 1.0), (20, 1.1), (30, 1.2)) for line in watch.observe(step, {"a": loss})]
        watch.factor_of("a")  # 0.25
    """

    def __init__(self, patience: int, factor: float):
        self._patience, self._factor = patience, factor
        self._courses: dict[str, _Course] = {}

    def factor_of(self, problem: str) -> float:
        """The factor of the problem's weight."""
        return self._factor if self._overfits(problem) else 1.0

    def _overfits(self, problem: str) -> bool:
        return bool(self._patience) and self._courses.get(problem, _Course()).above >= self._patience

    def observe(self, step: int, losses: Mapping[str, float]) -> list[str]:
        """Takes the losses of an evaluation; one of a step that was seen already counts nothing.

        Args:
            step: of the evaluation.
            losses: on dev, by problem.

        Returns:
            a line for each problem that is sampled less from now on, or fully again.
        """
        lines = []
        for problem, loss in losses.items() if self._patience else ():
            course, before = self._courses.setdefault(problem, _Course()), self._overfits(problem)
            if step <= course.step:
                continue
            course.step, course.above = step, 0 if loss < course.lowest else course.above + 1
            course.lowest = min(course.lowest, loss) if math.isfinite(loss) else course.lowest
            if self._overfits(problem) != before:
                lines.append(self._line(problem, loss, course))
        return lines

    def _line(self, problem: str, loss: float, course: _Course) -> str:
        if course.above:
            why = f"its dev loss {loss:.4f} is above its lowest {course.lowest:.4f} for {course.above} evaluations"
            return f"{problem} overfits: {why}; its weight in the mix is multiplied by {self._factor:g}"
        return f"{problem} has its lowest dev loss {loss:.4f}; its weight in the mix is whole again"

    def state_of(self, problem: str) -> dict[str, float]:
        """What a checkpoint keeps of a problem; empty where nothing was watched."""
        course = self._courses.get(problem)
        if course is None or not math.isfinite(course.lowest):
            return {}
        return {"dev_lowest": course.lowest, "dev_above": course.above, "dev_step": course.step}

    def restore(self, problem: str, state: Mapping[str, Any]) -> None:
        """The inverse of `state_of`, from a state that may hold more."""
        if "dev_lowest" in state:
            self._courses[problem] = _Course(
                float(state["dev_lowest"]), int(state["dev_above"]), int(state["dev_step"])
            )
