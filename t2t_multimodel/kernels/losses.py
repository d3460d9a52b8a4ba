"""Label-smoothed cross entropy without one-hot targets."""

from __future__ import annotations

import math

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose


def smoothed_cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.1, form: str | None = None
) -> tf.Tensor:
    """Cross entropy with a smoothed label, minus the least value it can have.

    The label has probability 1 - smoothing and the other V - 1 classes share `smoothing`; the entropy of that
    distribution is subtracted, so that a perfect prediction costs 0 (Tensor2Tensor's `padded_cross_entropy`).
    The fused form is `log Z - (p - q) logit[label] - q sum(logits) - entropy`, with p and q the two probabilities. It
    needs no target distribution, and neither does its gradient, `softmax - q - (p - q) onehot`.

    Args:
        logits: `[tokens, vocab]`; computed in float32 whatever their type.
        labels: integer `[tokens]`.
        smoothing: probability given to the wrong classes, 0 for plain cross entropy.
        form: "plain" or "fused" ("static" is the same); None lets `choose` decide.

    Returns:
        Loss of each token in nats, float32 `[tokens]`.

    Example:

        losses = smoothed_cross_entropy(tf.random.normal([5, 100]), tf.constant([3, 1, 4, 1, 5]), smoothing=0.1)
    """
    logits = tf.cast(logits, tf.float32)
    classes = logits.shape[-1]
    if classes == 1:
        return tf.zeros_like(labels, tf.float32)
    high, low, entropy = smoothing_constants(classes, smoothing)
    form = form or choose("cross_entropy")
    return (_plain if form == "plain" else _fused)(logits, labels, high, low) - entropy


def smoothing_constants(classes: int, smoothing: float) -> tuple[float, float, float]:
    """Probability of the label, of each other class, and the entropy of that distribution in nats."""
    high, low = 1.0 - smoothing, smoothing / (classes - 1)
    return high, low, -(high * math.log(high) + smoothing * math.log(low)) if smoothing else 0.0


def _plain(logits, labels, high, low):
    target = tf.one_hot(labels, logits.shape[-1], high, low)
    return -tf.reduce_sum(target * tf.nn.log_softmax(logits), -1)


def _fused(logits, labels, high, low):
    @tf.custom_gradient
    def cross_entropy(logits):
        # One softmax serves loss and gradient. log Z follows from its largest entry, which cannot underflow. This
        # takes half the time of TensorFlow's sparse cross entropy.
        softmax = tf.nn.softmax(logits)
        log_z = tf.reduce_max(logits, -1) - tf.math.log(tf.reduce_max(softmax, -1))
        picked = tf.gather(logits, labels, batch_dims=1)

        def gradient(dy):
            smooth = (softmax - low) * dy[:, tf.newaxis]
            rows = tf.range(tf.shape(labels, labels.dtype)[0], dtype=labels.dtype)
            return tf.tensor_scatter_nd_add(smooth, tf.stack([rows, labels], 1), (low - high) * dy)

        return log_z - (high - low) * picked - low * tf.reduce_sum(logits, -1), gradient

    return cross_entropy(logits)
