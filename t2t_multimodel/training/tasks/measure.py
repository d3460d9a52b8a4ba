"""How the problems of a run agree: cosines of their gradients, and what a step of one does to the losses of the others.

Sources: Yu et al. 2020, arXiv 2001.06782 (cosines); Fifty et al. 2021, arXiv 2109.04617 (the effect of a step).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.step import Gradients, count_targets, make_eval_step, part_gradients
from t2t_multimodel.training.tasks.pcgrad import products_of

_PARTS = ("encoder", "mixer", "decoder")


class TaskMeasure:
    """Measures the agreement of problems on one batch of each; the model is left as it was, bit for bit.

    The gradients are those of training, with the noise of step 0. The effect of a problem's step is that of gradient
    descent on the variables that it shares: ``1 - after / before`` of another problem's loss without noise, so that
    more than 0 helps.

    Args:
        model: on one device.
        tasks: two or more.
        batches: of each, by name.
        seed: of dropout and gate noise.
        length: of a step over the norm of the shared variables.

    Example:
        record = TaskMeasure(trainer.model, trainer.tasks.values(), batches, seed=0)()
        record["cosine"]["all"][0][1], record["effect"][0][1]
    """

    def __init__(
        self,
        model: MultiModel,
        tasks: Sequence[Task],
        batches: Mapping[str, Mapping[str, tf.Tensor]],
        *,
        seed: int,
        length: float = 1e-4,
    ):
        self._length = length
        self._model, self._tasks, self._batches, self._seed = model, list(tasks), batches, seed
        self._variables = [variable.value for variable in model.trainable_variables]
        self._gradients: dict[Hashable, tuple[Callable, list[int]]] = {}
        self._losses: dict[Hashable, Callable] = {}

    def __call__(self) -> dict[str, Any]:
        """Measures now.

        Returns:
            ``problems``; ``loss`` and ``gradient_norm`` of each; ``cosine`` by part (``all``, ``encoder``, ``mixer``,
            ``decoder``), over the variables that both problems reach, NaN where there are none; ``effect``, of the step
            of a row's problem on the loss of a column's; ``step_norm``.
        """
        gradients = [self._gradients_of(task) for task in self._tasks]
        before, shared, effects = self._all_losses(), _shared(gradients), []
        norm = self._length * float(tf.linalg.global_norm([self._variables[place] for place in shared]))
        for one in gradients:
            with self._moved(one, shared, norm):
                effects.append((1 - self._all_losses() / before).tolist())
        return {
            "problems": [task.name for task in self._tasks],
            "loss": before.tolist(),
            "gradient_norm": [float(tf.linalg.global_norm(one.values)) for one in gradients],
            "cosine": {part: values.tolist() for part, values in self._cosines(gradients, shared).items()},
            "effect": effects,
            "step_norm": norm,
        }

    def _cosines(self, gradients: Sequence[Gradients], shared: Sequence[int]) -> dict[str, np.ndarray]:
        """`[problems, problems]` by part."""
        by_problem = [dict(zip(one.reached, one.values)) for one in gradients]
        products = {part: np.zeros([len(gradients)] * 2) for part in ("all", *_PARTS)}
        squares = {part: np.zeros([len(gradients)] * 2) for part in ("all", *_PARTS)}
        for place in shared:
            found = products_of([values.get(place) for values in by_problem])
            reached = np.array([place in values for values in by_problem], float)
            for part in {"all", _part_of(self._model.trainable_variables[place].path)} & products.keys():
                products[part] += found
                squares[part] += np.outer(np.diag(found), reached)  # of the row's gradient, where the column has one
        with np.errstate(invalid="ignore"):
            return {part: products[part] / np.sqrt(squares[part] * squares[part].T) for part in products}

    def _all_losses(self) -> np.ndarray:
        """Mean loss of each problem, without noise."""
        return np.array([self._loss_of(task) for task in self._tasks])

    def _loss_of(self, task: Task) -> float:
        key = task.step_key(self._model.hparams.modalities)
        if key not in self._losses:
            self._losses[key] = make_eval_step(self._model, task)
        sums = self._losses[key](self._batches[task.name], tf.constant(task.command))
        return float(sums["nll"]) / max(float(sums["targets"]), 1.0)

    def _gradients_of(self, task: Task) -> Gradients:
        key = task.step_key(self._model.hparams.modalities)
        if key not in self._gradients:
            self._gradients[key] = self._make_gradients(task)
        function, reached = self._gradients[key]
        return Gradients(function(self._batches[task.name], tf.constant(task.command)), reached, {})

    def _make_gradients(self, task: Task) -> tuple[Callable, list[int]]:
        """The traced gradients, and the places of the variables that they are of."""
        model, reached = self._model, []
        signature = batch_signature(task.problem.inputs, task.problem.targets, model.hparams.modalities)

        @tf.function(autograph=False, input_signature=[signature, tf.TensorSpec([], tf.int32)])
        def gradients(batch, command):
            found = part_gradients(
                model,
                task,
                {**batch, "command": command},
                self._variables,
                weight=tf.constant(1.0),
                total=tf.maximum(count_targets(task, batch), 1.0),
                parts=1,
                seed=SeedStream(self._seed, 0),
            )
            reached[:] = found.reached
            return found.values

        gradients.get_concrete_function()
        return gradients, reached

    @contextlib.contextmanager
    def _moved(self, gradients: Gradients, shared: Sequence[int], norm: float) -> Iterator[None]:
        """The block in which the shared variables are one step further along a problem's gradients."""
        moves = {place: value for place, value in zip(gradients.reached, gradients.values) if place in set(shared)}
        kept = {place: tf.identity(self._variables[place]) for place in moves}
        rate = norm / max(float(tf.linalg.global_norm(list(moves.values()))), 1e-30)
        try:
            for place, value in moves.items():
                self._variables[place].assign(kept[place] - rate * value)
            yield
        finally:
            for place, value in kept.items():
                self._variables[place].assign(value)


def _shared(gradients: Sequence[Gradients]) -> list[int]:
    """Places of the variables that two or more problems reach."""
    counts = Counter(place for one in gradients for place in one.reached)
    return sorted(place for place, count in counts.items() if count > 1)


def _part_of(path: str) -> str:
    return path.removeprefix("multimodel/").partition("/")[0]
