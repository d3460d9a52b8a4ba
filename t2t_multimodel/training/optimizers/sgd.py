"""Stochastic gradient descent without momentum: the optimizer that keeps nothing."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.training.optimizers.base import Optimizer


class SGD(Optimizer):
    """`variable -= learning_rate * gradient`, with global-norm clipping and decoupled weight decay.

    Args:
        variables: trainable variables by name. Create the optimizer within the strategy's scope.
        optimizer: hparams group.

    Example:
        optimizer = SGD({"kernel": variable}, OptimizerHParams(name="sgd"))
        norm, updated = optimizer.apply([gradient], [variable], tf.constant(1e-1))
    """

    def _update(self, updates, learning_rate, counts):
        for i, gradient, variable in updates:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.handle, alpha=self._rate(i, learning_rate), delta=gradient
            )
