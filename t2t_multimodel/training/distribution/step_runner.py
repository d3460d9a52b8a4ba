"""Which traced function makes a step: of one batch, of several, or of a problem for each replica."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import tensorflow as tf

from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.distribution.accumulation import AccumulatedStep, Accumulation
from t2t_multimodel.training.distribution.devices import LocalDevices
from t2t_multimodel.training.distribution.joint_step import JointStep, Part
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.step import make_train_step


class StepRunner:
    """Runs the train steps of a model; it keeps what was traced.

    Args:
        model, optimizer: on the devices of `strategy`.
        strategy: devices of the training.
        devices: of `strategy`.
        seed: of dropout and gate noise.
        train_steps: the last step.

    Attributes:
        parts: batches that a step takes: `optimizer.accumulate_steps`, and with distributed mixing so many for each
            replica.

    Example:
        runner = StepRunner(model, optimizer, strategy, LocalDevices(strategy), seed=0, train_steps=100)
        values, of_parts = runner([Part(task, 1.0, batch)], step=0)
    """

    def __init__(
        self,
        model: MultiModel,
        optimizer: Optimizer,
        strategy: tf.distribute.Strategy,
        devices: LocalDevices,
        *,
        seed: int,
        train_steps: int,
    ):
        self._model, self._optimizer, self._strategy, self._devices = model, optimizer, strategy, devices
        self._seed, self._train_steps = seed, train_steps
        self._rounds = model.hparams.optimizer.accumulate_steps
        distributed = model.hparams.mixing.scheme == "distributed"
        self.parts = self._rounds * (devices.count if distributed else 1)
        self._steps: dict[Hashable, Callable] = {}
        self._accumulation: Accumulation | None = None
        self._joint: JointStep | None = None
        if self.parts > 1:
            self._accumulation = Accumulation(model, optimizer, strategy, train_steps=train_steps)
            if distributed:
                self._joint = JointStep(self._accumulation, devices, seed=seed, parts=self.parts)

    def takes(self, part: int) -> bool:
        """Whether this process reads the batch of a part of a step."""
        return self._joint is None or part % self._devices.count in self._devices.replicas

    def __call__(
        self, parts: Sequence[Part], step: int
    ) -> tuple[Mapping[str, tf.Tensor], Sequence[Mapping[str, tf.Tensor]]]:
        """Makes a step.

        Args:
            parts: what it trains; without distributed mixing all of one problem.
            step: number of the step.

        Returns:
            the step's values (`make_train_step`), and those of each problem's part where it has several.
        """
        number = tf.constant(step, tf.int64)
        if self._joint is not None:
            return self._joint(parts, number)
        task, weight = parts[0].task, tf.constant(parts[0].weight, tf.float32)
        batches = [part.batch for part in parts]
        train_step = self._step_of(task)
        command = tf.constant(task.command, tf.int32)
        return train_step(batches if self._rounds > 1 else batches[0], command, weight, number), ()

    def _step_of(self, task: Task) -> Callable[..., Mapping[str, tf.Tensor]]:
        """The traced step of the tasks with this one's modality nets and batch signature."""
        key = task.step_key(self._model.hparams.modalities)
        if key not in self._steps:
            self._steps[key] = self._make_step(task)
        return self._steps[key]

    def _make_step(self, task: Task) -> Callable[..., Mapping[str, tf.Tensor]]:
        if self._accumulation is not None:
            return AccumulatedStep(self._accumulation, task, seed=self._seed, batches=self._rounds)
        return make_train_step(
            self._model, self._optimizer, self._strategy, task, seed=self._seed, train_steps=self._train_steps
        )

    @property
    def traces(self) -> dict[tuple[str, str], int]:
        """How often train steps were traced for each pair of modality nets: once for each batch signature."""
        counts: dict[tuple[str, str], int] = {}
        for (pair, _), step in self._steps.items():
            counts[pair] = counts.get(pair, 0) + step.experimental_get_tracing_count()
        return counts
