"""Gradient accumulation: a step of several batches, whose gradients are summed before one update."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from t2t_multimodel.kernels.choose import compiled_by_xla
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.step import (
    Gradients,
    count_targets,
    part_gradients,
    replica_share,
    sum_over_parts,
    traced,
    update,
)


class Accumulation:
    """Sums of gradients over the parts of a step, on each replica its own, and the update by them.

    The sums are zero between steps, so that no checkpoint keeps them.

    Args:
        model, optimizer: on the devices of `strategy`.
        strategy: devices of the training.
        train_steps: the last step.
    """

    def __init__(self, model: MultiModel, optimizer: Optimizer, strategy: tf.distribute.Strategy, *, train_steps: int):
        self.model, self.strategy = model, strategy
        self._optimizer, self._train_steps = optimizer, train_steps
        with strategy.scope():
            self.sums = [self._zeros(variable) for variable in model.trainable_variables]
        self._updates: dict[tuple[int, ...], tf.types.experimental.PolymorphicFunction] = {}

    def _zeros(self, variable) -> tf.Variable:
        # Beside the experts that live on devices of a mesh.
        with contextlib.nullcontext() if self.model.mesh is None else tf.device(variable.value.device):
            return tf.Variable(
                tf.zeros(variable.shape, variable.dtype),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )

    @staticmethod
    def add(gradients: Gradients, sums: Sequence[tf.Variable]) -> None:
        """Adds the gradients of a part to the sums of its replica."""
        for place, value in zip(gradients.reached, gradients.values):
            sums[place].assign_add(value)

    def apply(
        self, reached: Sequence[int], results: Sequence[Mapping[str, tf.Tensor]], step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Sums gradients and results over the replicas, and updates the variables.

        Args:
            reached: places of the variables that any part of the step depends on.
            results: of this step's parts, as `Strategy.run` gives them.
            step: number of the step, int64.

        Returns:
            the step's results, as `make_train_step`'s step gives them.
        """
        key = tuple(reached)
        if key not in self._updates:
            self._updates[key] = self._make_update(key)
        return self._updates[key](list(results), step)

    def _make_update(self, reached: tuple[int, ...]):
        def replica_update(results, step):
            # An argument itself is on no device, which a sum over workers refuses.
            total = {name: tf.identity(tf.add_n([one[name] for one in results])) for name in results[0]}
            values = [self.sums[place].read_value() for place in reached]
            gradients = sum_over_parts(Gradients(values, list(reached), total))
            for place, value in zip(reached, values):
                self.sums[place].assign(tf.zeros_like(value))
            return update(self.model, self._optimizer, gradients, step=step, train_steps=self._train_steps)

        @tf.function(autograph=False)
        def apply(results, step):
            result = self.strategy.run(replica_update, args=(results, step))
            return {name: self.strategy.experimental_local_results(value)[0] for name, value in result.items()}

        return apply


class AccumulatedStep:
    """A train step of several batches of one problem.

    The loss is that of `make_train_step` on all real targets of these batches, so that the update is that of the
    batches joined; each batch has its own noise, and the mixtures' balance loss is the mean of the batches' own.

    Args:
        accumulation: of the model.
        task: gives the pair of modalities.
        seed: of dropout and gate noise.
        batches: number of batches of a step.

    Call arguments:
        batches: as `ProblemInput` gives them.
        command: id of the command token.
        weight: of the problem's loss.
        step: number of the step, int64.

    Returns:
        what `make_train_step`'s step gives.
    """

    def __init__(self, accumulation: Accumulation, task: Task, *, seed: int, batches: int):
        self._accumulation, self._task, self._seed, self._batches = accumulation, task, seed, batches
        self._reached: list[int] = []
        static = accumulation.model.hparams.compute.compile == "xla"

        def add_batch(batch, command, weight, total, number):
            with compiled_by_xla() if static else contextlib.nullcontext():
                return accumulation.strategy.run(self._replica_part, args=(batch, command, weight, total, number))

        scalars = (tf.int32, tf.float32, tf.float32, tf.int64)
        self._add_batch = traced(add_batch, accumulation.model, accumulation.strategy, task, scalars=scalars)

    def __call__(
        self, batches: Sequence[Mapping[str, tf.Tensor]], command: tf.Tensor, weight: tf.Tensor, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        total = tf.maximum(tf.add_n([count_targets(self._task, batch) for batch in batches]), 1.0)
        # The noise of batch b of step s is that of step s * batches + b without accumulation.
        results = [
            self._add_batch(batch, command, weight, total, step * self._batches + place)
            for place, batch in enumerate(batches)
        ]
        return {**self._accumulation.apply(self._reached, results, step), "targets": total}

    def experimental_get_tracing_count(self) -> int:
        """How often it was traced, as of a `tf.function`."""
        return self._add_batch.experimental_get_tracing_count()

    def _replica_part(self, batch, command, weight, total, number):
        model, replicas = self._accumulation.model, self._accumulation.strategy.num_replicas_in_sync
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradients = part_gradients(
            model,
            self._task,
            {**replica_share(batch, self._task.problem.targets.padding, replica, replicas), "command": command},
            [variable.value for variable in model.trainable_variables],
            weight=weight,
            total=total,
            parts=replicas * self._batches,
            seed=SeedStream(self._seed, number, replica),
        )
        self._reached = gradients.reached
        self._accumulation.add(gradients, self._accumulation.sums)
        return gradients.results
