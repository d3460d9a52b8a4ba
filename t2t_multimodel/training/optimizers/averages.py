"""Exponential moving averages of the weights of a training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from t2t_multimodel.mesh.sharded import ShardedVariable, parts_of


class WeightAverages:
    """An exponential moving average of each weight.

    After step s, counted from 0, ``average += (1 - d) * (weight - average)``, where d is the lesser of `decay` and
    ``(1 + s) / (10 + s)``, so that the first weights are soon forgotten: `tf.train.ExponentialMovingAverage` with
    `num_updates`.

    Args:
        variables: the weights by name. Create the averages within the strategy's scope. Those of a `ShardedVariable`
            lie beside its shards.
        decay: of the averages, from 0 to 1.

    Example:
        weight = tf.Variable([1.0])
        averages = WeightAverages({"weight": weight}, 0.9)
        weight.assign([2.0])
        averages.follow(1000)
        averages.named_variables()["weight"]  # [1.1]
    """

    def __init__(self, variables: Mapping[str, tf.Variable | ShardedVariable], decay: float):
        self._decay, self._variables = decay, dict(variables)
        self._averages = {name: zeros_like(variable) for name, variable in self._variables.items()}
        sharded = [whole for whole in self._variables.values() if isinstance(whole, ShardedVariable)]
        self._shards = {shard.ref() for whole in sharded for shard in whole.shards}
        self.start()

    def named_variables(self) -> dict[str, tf.Variable | ShardedVariable]:
        """The averages by the names of their weights, as checkpoints keep them."""
        return dict(self._averages)

    def start(self) -> None:
        """Sets the averages to the weights as they are now."""
        for name, variable in self._variables.items():
            self._averages[name].assign(tf.convert_to_tensor(variable))

    def follow(self, step: tf.Tensor | int) -> None:
        """Moves the averages; called within a replica context after the update of a step.

        Args:
            step: number of the step.
        """
        number = tf.cast(step, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + number) / (10.0 + number))
        rate = 1.0 - decay
        for variable, average in self._parts():
            with self._beside(variable):
                change = tf.cast(rate, average.dtype) * (tf.convert_to_tensor(variable) - average.read_value())
            tf.raw_ops.AssignAddVariableOp(resource=average.handle, value=change)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The block in which the weights have the values of the averages."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for variable, average in self._parts():
            with self._beside(variable):
                weight = tf.identity(variable.read_value())
                variable.assign(average.read_value())
                average.assign(weight)

    def _parts(self) -> Iterator[tuple[tf.Variable, tf.Variable]]:
        for name, variable in self._variables.items():
            yield from zip(parts_of(variable), parts_of(self._averages[name]))

    def _beside(self, variable: tf.Variable) -> contextlib.AbstractContextManager[None]:
        """The block that computes on the device of a shard; other averages are moved where the step runs."""
        return tf.device(variable.device) if variable.ref() in self._shards else contextlib.nullcontext()


def zeros_like(variable: tf.Variable | ShardedVariable) -> tf.Variable | ShardedVariable:
    """A variable of zeros that an optimizer keeps for `variable`, beside its shards where it has such."""
    if isinstance(variable, ShardedVariable):
        return variable.zeros()
    return tf.Variable(
        tf.zeros(variable.shape, variable.dtype),
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
