"""Softmax layer and label-smoothed cross entropy in one, without holding all logits at a time."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose
from t2t_multimodel.kernels.losses import smoothed_cross_entropy, smoothing_constants
from t2t_multimodel.kernels.precision import as_factor
from t2t_multimodel.kernels.products import transposed_product

# Logits that are held at a time: 16 MB. With fewer, products become inefficient (docs/performance.md).
_CHUNK = 1 << 22


def linear_cross_entropy(
    hidden: tf.Tensor, table: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.1, form: str | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The sum of `smoothed_cross_entropy(hidden table^T, labels)`, and how many labels are most likely.

    The plain form computes all logits. In the fused form a loop takes some tokens at a time through logits, loss and
    gradient, so that memory does not grow with `tokens * vocab`. The gradient of a token's logits is
    `softmax - q - (p - q) onehot`, with p the smoothed probability of the label and q that of any other class: only
    the softmax needs products, the other terms are rows of the table. Sums and exponentials are float32; products
    have the type of `hidden`.

    Args:
        hidden: `[tokens, depth]`.
        table: `[vocab, depth]`.
        labels: int32 `[tokens]`.
        smoothing: probability given to the wrong classes.
        form: "plain" or "fused"; None lets `choose` decide.

    Returns:
        loss in nats and number of hits (ties count), float32 scalars; the number of hits has no gradient.

    Example:

        hidden, table = tf.random.normal([5, 8]), tf.random.normal([100, 8])
        loss, hits = linear_cross_entropy(hidden, table, tf.constant([3, 1, 4, 1, 5]))

    Reference: the chunked form is that of Liger Kernel's fused linear cross entropy (Hsu et al. 2024).
    """
    if table.shape[0] == 1:
        return tf.zeros([]) * tf.reduce_sum(tf.cast(hidden, tf.float32)), tf.cast(tf.size(labels), tf.float32)
    form = form or choose("cross_entropy", hidden.dtype)
    return {"plain": _plain, "fused": _fused}[form](hidden, table, labels, smoothing)


def _plain(hidden, table, labels, smoothing):
    factor = as_factor(hidden)
    logits = tf.cast(tf.matmul(factor, tf.cast(table, factor.dtype), transpose_b=True), tf.float32)
    picked = tf.gather(logits, labels, batch_dims=1)
    hits = tf.reduce_sum(tf.cast(picked >= tf.reduce_max(logits, 1), tf.float32))
    return tf.reduce_sum(smoothed_cross_entropy(logits, labels, smoothing, form="plain")), tf.stop_gradient(hits)


def _fused(hidden, table, labels, smoothing):
    high, low, entropy = smoothing_constants(table.shape[0], smoothing)

    @tf.custom_gradient
    def fused(hidden, table):
        dtype, factor = hidden.dtype, as_factor(hidden)
        log_z, hits, d_hidden, d_table = _softmax_part(factor, tf.cast(table, factor.dtype), labels)
        rows = tf.cast(tf.gather(table, labels), dtype)  # [tokens, depth]
        every = tf.reduce_sum(table, 0)[tf.newaxis]  # [1, depth]
        total = tf.reduce_sum(hidden, 0)[tf.newaxis]
        # `log_z` is the sum of log Z. The label's logit counts p - q, and the logit of every class counts q.
        labelled = tf.reduce_sum(tf.cast(hidden * rows, tf.float32))
        spread = tf.reduce_sum(tf.cast(total, tf.float32) * every)
        count = tf.cast(tf.size(labels), tf.float32)
        loss = log_z - (high - low) * labelled - low * spread - entropy * count

        def gradient(d_loss, _):
            d_rows = tf.cast(d_hidden, dtype) - tf.cast(high - low, dtype) * rows - tf.cast(low * every, dtype)
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
    # At small depths `matmul(transpose_a=True)` takes twice as long as a transposition and a product. The transposition
    # has rank 3: TensorFlow's graph optimizer turns one of rank 2 into `transpose_a=True` again.
    rows, columns = tf.shape(x)[0], x.shape[1]
    return tf.reshape(tf.transpose(x[:, tf.newaxis], [2, 1, 0]), [columns, rows])
