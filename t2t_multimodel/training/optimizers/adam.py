"""Adam in one fused pass over each variable, for custom loops under tf.distribute.

Keras' Adam makes about ten element-wise passes over every variable and clips before gradients are summed over
replicas; this one uses TensorFlow's fused kernel and clips the summed gradients.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import tensorflow as tf

from t2t_multimodel.mesh.sharded import ShardedVariable, parts_of
from t2t_multimodel.training.optimizers.averages import zeros_like
from t2t_multimodel.training.optimizers.base import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with global-norm clipping and decoupled weight decay.

    The bias correction of a variable counts its own updates.

    Args:
        variables: trainable variables by name. Create the optimizer within the strategy's scope.
        optimizer: hparams group.

    Example:
        optimizer = Adam({"kernel": variable}, OptimizerHParams())
        norm, updated = optimizer.apply([gradient], [variable], tf.constant(1e-3))
    """

    def __init__(self, variables: Mapping[str, tf.Variable | ShardedVariable], optimizer):
        super().__init__(variables, optimizer)
        self._first = [zeros_like(v) for v in self._variables.values()]
        self._second = {i: zeros_like(v) for i, v in enumerate(self._variables.values()) if self._needs_second_slot(i)}
        self._slots: dict[Hashable, list[tf.Variable]] = {}  # of each variable or shard
        for i, variable in enumerate(self._variables.values()):
            slots = [self._first[i], *([self._second[i]] if i in self._second else [])]
            for part, *its_slots in zip(parts_of(variable), *map(parts_of, slots)):
                self._slots[part.ref()] = its_slots

    def _needs_second_slot(self, position: int) -> bool:
        return True

    def named_variables(self) -> dict[str, tf.Variable | ShardedVariable]:
        """Slots by name, as checkpoints keep them; the vector of update counts follows the order of names."""
        named = {f"first/{name}": slot for name, slot in zip(self._variables, self._first)}
        names = list(self._variables)
        named |= {f"second/{names[i]}": slot for i, slot in self._second.items()}
        return named | super().named_variables()

    def _update(self, updates: list[tuple[int, tf.Tensor, tf.Variable]], learning_rate: tf.Tensor, counts: tf.Tensor):
        hparams = self._hparams
        beta1_powers, beta2_powers = tf.unstack(hparams.beta1**counts), tf.unstack(hparams.beta2**counts)
        constants = {name: tf.constant(getattr(hparams, name), tf.float32) for name in ("beta1", "beta2", "epsilon")}
        for i, gradient, variable in updates:
            first, second = self._slots[variable.ref()]
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=beta1_powers[i],
                beta2_power=beta2_powers[i],
                lr=self._rate(i, learning_rate),
                grad=gradient,
                **constants,
            )
