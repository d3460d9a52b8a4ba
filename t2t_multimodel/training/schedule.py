"""Learning rate schedules as functions of the step."""

from __future__ import annotations

import math

import tensorflow as tf

from t2t_multimodel.errors import HParamsError


def learning_rate(step: tf.Tensor, optimizer, *, depth: int, train_steps: int) -> tf.Tensor:
    """The learning rate of a step, a float32 scalar.

    ``noam`` (Vaswani et al. 2017, as Tensor2Tensor computes it):
    `depth^-0.5 * min((s + 1) * warmup^-1.5, (s + 1)^-0.5)`. ``rsqrt`` is the same curve, `learning_rate` its peak.

    Args:
        step: number of the step, counted from 0.
        optimizer: hparams group.
        depth: channels of the body (noam).
        train_steps: number of the last step (cosine).

    Raises:
        HParamsError: the schedule is unknown.

    Example:
        learning_rate(tf.constant(0), OptimizerHParams(schedule="noam"), depth=512, train_steps=1000)
    """
    count = tf.cast(step, tf.float32) + 1.0
    warmup = float(max(optimizer.warmup_steps, 1))
    if optimizer.schedule == "noam":
        return optimizer.learning_rate * depth**-0.5 * tf.minimum(count * warmup**-1.5, tf.math.rsqrt(count))
    rise = tf.minimum(count / warmup, 1.0)
    if optimizer.schedule == "rsqrt":
        return optimizer.learning_rate * tf.minimum(rise, tf.sqrt(warmup / count))
    if optimizer.schedule == "constant":
        return optimizer.learning_rate * rise
    if optimizer.schedule == "cosine":
        done = tf.clip_by_value((count - warmup) / max(train_steps - warmup, 1.0), 0.0, 1.0)
        return optimizer.learning_rate * rise * 0.5 * (1.0 + tf.cos(math.pi * done))
    raise HParamsError(f"optimizer.schedule={optimizer.schedule!r}; give noam, rsqrt, cosine or constant")
