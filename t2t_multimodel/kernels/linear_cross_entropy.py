"""Softmax layer and label-smoothed cross entropy in one, without ever holding all logits."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.losses import smoothing_constants
from t2t_multimodel.kernels.products import transposed_product

# Logits that are held at a time: 16 MB. Fewer make products inefficient (docs/performance.md).
_CHUNK = 1 << 22


def linear_cross_entropy(
    hidden: tf.Tensor, table: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.1
) -> tuple[tf.Tensor, tf.Tensor]:
    """The sum of `smoothed_cross_entropy(hidden table^T, labels)`, and how many labels are most likely.

    A loop takes some tokens at a time through logits, loss and gradient, so that memory does not grow with
    `tokens * vocab`. The gradient of a token's logits is `softmax - q - (p - q) onehot` with p the label's and q any
    other class' smoothed probability: only the softmax goes through products, the rest is a row of the table each.
    Sums and exponentials are float32, products are of `hidden`'s type.

    Args:
        hidden: `[tokens, depth]`.
        table: `[vocab, depth]`.
        labels: int32 `[tokens]`.
        smoothing: probability given to the wrong classes.

    Returns:
        loss in nats and number of hits (ties count), float32 scalars; the latter has no gradient.

    Reference: the chunked form is that of Liger Kernel's fused linear cross entropy (Hsu et al. 2024).
    """
    if table.shape[0] == 1:
        return tf.zeros([]) * tf.reduce_sum(tf.cast(hidden, tf.float32)), tf.cast(tf.size(labels), tf.float32)
    high, low, entropy = smoothing_constants(table.shape[0], smoothing)

    @tf.custom_gradient
    def fused(hidden, table):
        dtype = hidden.dtype
        weights = tf.cast(table, dtype)
        nll, hits, d_hidden, d_table = _softmax_part(hidden, weights, labels)
        own = tf.gather(weights, labels)  # [tokens, depth]
        every = tf.reduce_sum(table, 0)[tf.newaxis]  # [1, depth]
        total = tf.reduce_sum(hidden, 0)[tf.newaxis]
        # So far of the plain cross entropy but for the label's logit: less p - q for the label and q for each class.
        labelled = tf.reduce_sum(tf.cast(hidden * own, tf.float32))
        spread = tf.reduce_sum(tf.cast(total, tf.float32) * every)
        count = tf.cast(tf.size(labels), tf.float32)
        loss = nll - (high - low) * labelled - low * spread - entropy * count

        def gradient(d_loss, _):
            d_rows = d_hidden - tf.cast(high - low, dtype) * own - tf.cast(low * every, dtype)
            d_weights = tf.tensor_scatter_nd_sub(
                d_table - low * tf.cast(total, tf.float32),
                labels[:, tf.newaxis],
                (high - low) * tf.cast(hidden, tf.float32),
            )
            return tf.cast(d_loss, dtype) * d_rows, tf.cast(d_loss * d_weights, table.dtype)

        return (loss, hits), gradient

    return fused(hidden, table)


def _softmax_part(hidden, weights, labels):
    """Sum of log Z, hits, and the gradients of that sum: `[tokens, depth]` and float32 `[vocab, depth]`."""
    tokens, size = tf.shape(hidden)[0], max(1, _CHUNK // weights.shape[0])
    chunks = -(-tokens // size)
    rows = tf.TensorArray(hidden.dtype, chunks, element_shape=[None, hidden.shape[1]], infer_shape=False)

    def body(chunk, log_z, hits, d_hidden, d_table):
        part = hidden[chunk * size : (chunk + 1) * size]
        logits = tf.cast(transposed_product(part, weights), tf.float32)
        largest = tf.reduce_max(logits, 1, keepdims=True)
        powers = tf.exp(logits - largest)
        partition = tf.matmul(powers, tf.ones([weights.shape[0], 1]))  # sums rows faster than reduce_sum
        picked = tf.gather(logits, labels[chunk * size : (chunk + 1) * size], batch_dims=1)[:, tf.newaxis]
        powers = tf.cast(powers, hidden.dtype)
        scaled = tf.cast(1.0 / partition, hidden.dtype)
        d_hidden = d_hidden.write(chunk, tf.matmul(powers, weights) * scaled)
        d_table += tf.cast(tf.matmul(_transposed(powers), part * scaled), tf.float32)
        hits += tf.reduce_sum(tf.cast(picked >= largest, tf.float32))
        return chunk + 1, log_z + tf.reduce_sum(largest + tf.math.log(partition)), hits, d_hidden, d_table

    state = [0, tf.zeros([]), tf.zeros([]), rows, tf.zeros(weights.shape)]
    _, log_z, hits, d_hidden, d_table = tf.while_loop(
        lambda chunk, *_: chunk < chunks, body, state, parallel_iterations=1
    )
    return log_z, hits, d_hidden.concat(), d_table


def _transposed(x):
    # At small depths the product of a transposed matrix takes twice as long as one of the transposition. Within a
    # shape of rank 3, so that TensorFlow's graph optimizer does not make the former of the latter again.
    rows, columns = tf.shape(x)[0], x.shape[1]
    return tf.reshape(tf.transpose(x[:, tf.newaxis], [2, 1, 0]), [columns, rows])
