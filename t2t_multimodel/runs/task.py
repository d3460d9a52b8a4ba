"""One problem of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

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
        """Keys of the two modality nets, e.g. ``("image", "symbol")``."""
        return self.problem.inputs.key, self.problem.targets.key

    def step_key(self, modalities) -> Hashable:
        """What decides on a traced step: tasks with equal keys share one.

        It is the pair of modality nets and the signature of the batches, since images of two sizes need two traces.

        Args:
            modalities: hparams group.
        """
        from t2t_multimodel.data.input.parsing import batch_signature

        signature = batch_signature(self.problem.inputs, self.problem.targets, modalities)
        return self.pair, tuple((name, tuple(spec.shape), spec.dtype) for name, spec in sorted(signature.items()))
