"""What the loop needs to know of one problem of a run."""

from __future__ import annotations

import dataclasses

from t2t_multimodel.data.problem import Problem


@dataclasses.dataclass(frozen=True)
class Task:
    """A problem of a run.

    Attributes:
        problem: its declaration.
        command: id of its command token in the model's table.
    """

    problem: Problem
    command: int

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.problem.name

    @property
    def pair(self) -> tuple[str, str]:
        """Keys of the two modality nets: tasks with the same pair share a traced step."""
        return self.problem.inputs.key, self.problem.targets.key
