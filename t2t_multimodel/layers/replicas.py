"""Sums over the replicas of a distributed step."""

from __future__ import annotations

import tensorflow as tf


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """Sums a tensor over all replicas; each gets the sum. Without replicas it returns `x`.

    It is differentiable: the gradient is the sum of the replicas' gradients.

    Args:
        x: a tensor of the same shape on each replica.

    Returns:
        A tensor shaped like `x`.

    Example:

        total = sum_over_replicas(tf.constant([1.0, 2.0]))  # [1, 2] outside of tf.distribute.Strategy.run
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)
