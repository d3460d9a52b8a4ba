"""What all optimizers have in common: clipping by the global norm, weight decay, counts of updates."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from t2t_multimodel.hparams.patterns import matching, parse_factors
from t2t_multimodel.mesh.sharded import ShardedVariable, parts_of
from t2t_multimodel.training.optimizers.averages import WeightAverages


class Optimizer:
    """An optimizer with global-norm clipping and decoupled weight decay; a subclass says how a variable moves.

    A step updates only the variables that have a gradient. The others (e.g. another problem's modality net) keep their
    values and slots.

    Args:
        variables: trainable variables by name. Create the optimizer within the strategy's scope. The slots of a
            `ShardedVariable` lie beside its shards.
        optimizer: hparams group.

    Attributes:
        averages: of the weights, or None where `ema_decay` is 0.

    Call `apply` within a replica context; every replica applies the same summed gradients.
    """

    def __init__(self, variables: Mapping[str, tf.Variable | ShardedVariable], optimizer):
        self._variables = dict(variables)
        self._hparams = optimizer
        wholes = self._variables.values()
        self._position = {part.ref(): i for i, whole in enumerate(wholes) for part in parts_of(whole)}
        sharded = [whole for whole in wholes if isinstance(whole, ShardedVariable)]
        self._shards = {shard.ref() for whole in sharded for shard in whole.shards}
        self._copies = self._shards - {shard.ref() for whole in sharded for shard in whole.distinct}
        self._updates = tf.Variable(
            tf.zeros([len(self._variables)]),
            trainable=False,
            name="updates",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        factors = parse_factors(optimizer.rate_factors, "optimizer.rate_factors")
        chosen = matching(factors, list(self._variables), "optimizer.rate_factors")
        self._factors = [factors[chosen[name]] if name in chosen else 1.0 for name in self._variables]
        self.averages = WeightAverages(self._variables, optimizer.ema_decay) if optimizer.ema_decay else None

    def named_variables(self) -> dict[str, tf.Variable | ShardedVariable]:
        """State by name, as checkpoints keep it; the vector of update counts follows the order of the variables."""
        return {"updates": self._updates}

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        variables: Sequence[tf.Variable],
        learning_rate: tf.Tensor,
        *,
        healthy: tf.Tensor | bool = True,
        step: tf.Tensor | int = 0,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Clips `gradients` by their global norm and updates `variables`.

        Args:
            gradients: summed over replicas, one for each variable, dense.
            variables: a subset of the optimizer's variables; of a `ShardedVariable` its shards, all or none.
            learning_rate: float32 scalar.
            healthy: bool scalar; where it is False, or the norm is not finite, nothing is updated.
            step: number of the step, for the averages.

        Returns:
            the global norm before clipping, and whether the update was made.
        """
        norm = tf.linalg.global_norm([g for g, v in zip(gradients, variables) if v.ref() not in self._copies])
        healthy = tf.logical_and(healthy, tf.math.is_finite(norm))

        def update():
            self._clip_and_update(gradients, variables, learning_rate, norm)
            if self.averages is not None:
                self.averages.follow(step)
            return True

        return norm, tf.cond(healthy, update, lambda: False)

    def _clip_and_update(self, gradients, variables, learning_rate, norm):
        if self._hparams.clip_norm:
            scale = self._hparams.clip_norm / tf.maximum(norm, self._hparams.clip_norm)
            gradients = [self._scaled(gradient, scale, variable) for gradient, variable in zip(gradients, variables)]
        positions = [self._position[variable.ref()] for variable in variables]
        updated = tf.reduce_max(tf.one_hot(positions, len(self._variables)), axis=0)
        counts = self._updates.read_value() + updated
        tf.raw_ops.AssignVariableOp(resource=self._updates.handle, value=counts)
        decay = self._hparams.weight_decay
        for position, variable in zip(positions, variables):
            if decay and variable.shape.rank > 1:
                with self._beside(variable):
                    decrease = self._rate(position, learning_rate) * decay * tf.convert_to_tensor(variable)
                tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=decrease)
        self._update(list(zip(positions, gradients, variables)), learning_rate, counts)

    def _rate(self, position: int, learning_rate: tf.Tensor) -> tf.Tensor:
        """The learning rate of a variable."""
        factor = self._factors[position]
        return learning_rate if factor == 1.0 else learning_rate * factor

    def _beside(self, variable: tf.Variable) -> contextlib.AbstractContextManager[None]:
        """The block that computes on the device of a shard; other variables are updated where the step runs."""
        return tf.device(variable.device) if variable.ref() in self._shards else contextlib.nullcontext()

    def _scaled(self, gradient: tf.Tensor, scale: tf.Tensor, variable: tf.Variable) -> tf.Tensor:
        with self._beside(variable):
            return gradient * tf.cast(scale, gradient.dtype)

    def _update(self, updates: list[tuple[int, tf.Tensor, tf.Variable]], learning_rate: tf.Tensor, counts: tf.Tensor):
        """Updates variables.

        Args:
            updates: (position, gradient, variable) of each.
            learning_rate: float32 scalar.
            counts: float32 `[variables]`, how often each was updated, this update included.
        """
        raise NotImplementedError
