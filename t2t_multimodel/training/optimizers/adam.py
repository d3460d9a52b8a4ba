"""Adam in one fused pass over each variable, for custom loops under tf.distribute.

Keras' Adam makes about ten element-wise passes over every variable and clips before gradients are summed over
replicas; this one uses TensorFlow's fused kernel and clips the summed gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf


class Adam:
    """Adam (Kingma and Ba 2015) with global-norm clipping and decoupled weight decay.

    A step updates only the variables that have a gradient. The others (e.g. another problem's modality net) keep their
    values and moments, and the bias correction of a variable counts its own updates.

    Args:
        variables: trainable variables by name. Create the optimizer within the strategy's scope.
        optimizer: hparams group.

    Call `apply` within a replica context; every replica applies the same summed gradients.

    Example:
        optimizer = Adam({"kernel": variable}, OptimizerHParams())
        norm, updated = optimizer.apply([gradient], [variable], tf.constant(1e-3))
    """

    def __init__(self, variables: Mapping[str, tf.Variable], optimizer):
        self._variables = dict(variables)
        self._hparams = optimizer
        self._position = {variable.ref(): i for i, variable in enumerate(self._variables.values())}
        self._first = [self._slot(v) for v in self._variables.values()]
        self._second = {i: self._slot(v) for i, v in enumerate(self._variables.values()) if self._needs_second_slot(i)}
        self._updates = tf.Variable(
            tf.zeros([len(self._variables)]),
            trainable=False,
            name="adam_updates",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def _needs_second_slot(self, position: int) -> bool:
        return True

    @staticmethod
    def _slot(variable: tf.Variable) -> tf.Variable:
        return tf.Variable(
            tf.zeros(variable.shape, variable.dtype),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def named_variables(self) -> dict[str, tf.Variable]:
        """Slots by name, as checkpoints keep them; the vector of update counts follows the order of names."""
        named = {f"first/{name}": slot for name, slot in zip(self._variables, self._first)}
        names = list(self._variables)
        named |= {f"second/{names[i]}": slot for i, slot in self._second.items()}
        named["updates"] = self._updates
        return named

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        variables: Sequence[tf.Variable],
        learning_rate: tf.Tensor,
        *,
        healthy: tf.Tensor | bool = True,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Clips `gradients` by their global norm and updates `variables`.

        Args:
            gradients: summed over replicas, one for each variable, dense.
            variables: a subset of the optimizer's variables.
            learning_rate: float32 scalar.
            healthy: bool scalar; where it is False, or the norm is not finite, nothing is updated.

        Returns:
            the global norm before clipping, and whether the update was made.
        """
        norm = tf.linalg.global_norm(gradients)
        healthy = tf.logical_and(healthy, tf.math.is_finite(norm))

        def update():
            self._clip_and_update(gradients, variables, learning_rate, norm)
            return True

        return norm, tf.cond(healthy, update, lambda: False)

    def _clip_and_update(self, gradients, variables, learning_rate, norm):
        if self._hparams.clip_norm:
            scale = self._hparams.clip_norm / tf.maximum(norm, self._hparams.clip_norm)
            gradients = [gradient * tf.cast(scale, gradient.dtype) for gradient in gradients]
        positions = [self._position[variable.ref()] for variable in variables]
        updated = tf.reduce_sum(tf.one_hot(positions, len(self._variables)), axis=0)
        counts = self._updates.read_value() + updated
        tf.raw_ops.AssignVariableOp(resource=self._updates.handle, value=counts)
        decay = self._hparams.weight_decay
        for variable in variables:
            if decay and variable.shape.rank > 1:
                tf.raw_ops.AssignSubVariableOp(
                    resource=variable.handle, value=learning_rate * decay * tf.convert_to_tensor(variable)
                )
        self._update(list(zip(positions, gradients, variables)), learning_rate, counts)

    def _update(self, updates: list[tuple[int, tf.Tensor, tf.Variable]], learning_rate: tf.Tensor, counts: tf.Tensor):
        """Updates variables.

        Args:
            updates: (position, gradient, variable) of each.
            learning_rate: float32 scalar.
            counts: float32 `[variables]`, how often each was updated, this update included.
        """
        hparams = self._hparams
        beta1_powers, beta2_powers = tf.unstack(hparams.beta1**counts), tf.unstack(hparams.beta2**counts)
        constants = {name: tf.constant(getattr(hparams, name), tf.float32) for name in ("beta1", "beta2", "epsilon")}
        for i, gradient, variable in updates:
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._first[i].handle,
                v=self._second[i].handle,
                beta1_power=beta1_powers[i],
                beta2_power=beta2_powers[i],
                lr=learning_rate,
                grad=gradient,
                **constants,
            )
