"""Muon: matrices move along their orthogonalised momentum.

Reference: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the scaling by
`sqrt(max(rows, columns))` follows Liu et al., "Muon is Scalable for LLM Training", 2025.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import keras
import tensorflow as tf

from t2t_multimodel.training.optimizers.adam import Adam

# Coefficients of the quintic iteration x -> a x + b x^3 + c x^5, chosen for speed: it takes singular values into about
# [0.7, 1.2] within five steps and does not converge to exactly 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315
# Tables are looked up and gates choose experts: these do not map hidden states to hidden states.
_NOT_HIDDEN = ("embedding", "softmax", "commands", "gate", "depthwise")


def orthogonalize(matrices: tf.Tensor, steps: int) -> tf.Tensor:
    """The nearest semi-orthogonal matrices, roughly: each singular value becomes about 1.

    Args:
        matrices: float32 `[..., rows, columns]`.
        steps: Newton-Schulz iterations.

    Returns:
        A tensor shaped like `matrices`.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = tf.linalg.matrix_transpose(matrices) if tall else matrices
    x = x / (tf.norm(x, axis=[-2, -1], keepdims=True) + 1e-7)
    for _ in range(steps):
        gram = tf.matmul(x, x, transpose_b=True)
        x = _A * x + tf.matmul(_B * gram + _C * tf.matmul(gram, gram), x)
    return tf.linalg.matrix_transpose(x) if tall else x


def is_hidden_matrix(name: str, variable: tf.Variable | keras.Variable) -> bool:
    """Whether Muon updates a variable: a kernel `[inputs, outputs]`, or one of experts `[experts, inputs, outputs]`."""
    return len(variable.shape) in (2, 3) and not any(part in name for part in _NOT_HIDDEN)


class Muon(Adam):
    """Muon for the matrices between hidden states, Adam for all other variables.

    Clipping, weight decay, and variables without a gradient are treated as in `Adam`. Matrices of one shape are
    orthogonalised together.

    Args:
        variables: trainable variables by name.
        optimizer: hparams group.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], optimizer):
        self._hidden = {at for at, (name, v) in enumerate(variables.items()) if is_hidden_matrix(name, v)}
        super().__init__(variables, optimizer)

    def _needs_second_slot(self, position: int) -> bool:
        return position not in self._hidden

    def _update(self, updates, learning_rate, counts):
        super()._update([item for item in updates if item[0] not in self._hidden], learning_rate, counts)
        groups = defaultdict(list)
        for i, gradient, variable in updates:
            if i in self._hidden:
                key = tuple(variable.shape), variable.device, self._factors[i]
                groups[key].append((i, variable, self._moved(gradient, variable)))
        for (shape, *_), members in groups.items():
            first, variable, _ = members[0]
            scale = self._rate(first, learning_rate) * (self._hparams.muon_scale * max(shape[-2:]) ** 0.5)
            with self._beside(variable):
                steps = orthogonalize(tf.stack([step for _, _, step in members]), self._hparams.muon_steps)
                for (_, variable, _), step in zip(members, tf.unstack(steps * scale)):
                    tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=step)

    def _moved(self, gradient: tf.Tensor, variable: tf.Variable) -> tf.Tensor:
        """Nesterov's momentum after `gradient`."""
        (slot,), decay = self._slots[variable.ref()], self._hparams.muon_momentum
        with self._beside(variable):
            momentum = decay * slot.read_value() + gradient
            tf.raw_ops.AssignVariableOp(resource=slot.handle, value=momentum)
            return gradient + decay * momentum
