"""Softmax layer and label-smoothed cross entropy in one, without holding all logits at a time."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose, is_compiled_by_xla
from t2t_multimodel.kernels.losses import smoothed_cross_entropy, smoothing_constants
from t2t_multimodel.kernels.precision import as_factor
from t2t_multimodel.kernels.products import transposed_product

# Logits that are held at a time: 16 MB, and 128 MB for accelerators. With fewer, products become inefficient
# (docs/performance.md).
_CHUNK = 1 << 22
_STATIC_CHUNK = 1 << 25


def linear_cross_entropy(
    hidden: tf.Tensor,
    table: tf.Tensor,
    labels: tf.Tensor,
    smoothing: float = 0.1,
    weights: tf.Tensor | None = None,
    form: str | None = None,
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
        weights: what each token counts, float32 `[tokens]`, or None where all count 1.
        form: "plain", "fused", or "static", which is fused for tokens of known number; None lets `choose` decide.

    Returns:
        loss in nats and number of hits (ties count), float32 scalars; the number of hits has no gradient.

    Example:

        hidden, table = tf.random.normal([5, 8]), tf.random.normal([100, 8])
        loss, hits = linear_cross_entropy(hidden, table, tf.constant([3, 1, 4, 1, 5]))

    Reference: the chunked form is that of Liger Kernel's fused linear cross entropy (Hsu et al. 2024).
    """
    if table.shape[0] == 1:
        count = tf.cast(tf.size(labels), tf.float32) if weights is None else tf.reduce_sum(weights)
        return tf.zeros([]) * tf.reduce_sum(tf.cast(hidden, tf.float32)), count
    form = form or choose("cross_entropy", hidden.dtype)
    if form == "plain":
        return _plain(hidden, table, labels, smoothing, weights)
    softmax_part = {"fused": _softmax_part, "static": _static_softmax_part}[form]
    return _fused(hidden, table, labels, smoothing, weights, softmax_part)


def _plain(hidden, table, labels, smoothing, weights):
    factor = as_factor(hidden)
    logits = tf.cast(tf.matmul(factor, tf.cast(table, factor.dtype), transpose_b=True), tf.float32)
    picked = tf.gather(logits, labels, batch_dims=1)
    hits = tf.cast(picked >= tf.reduce_max(logits, 1), tf.float32)
    losses = smoothed_cross_entropy(logits, labels, smoothing, form="plain")
    if weights is not None:
        losses, hits = losses * weights, hits * weights
    return tf.reduce_sum(losses), tf.stop_gradient(tf.reduce_sum(hits))


def _fused(hidden, table, labels, smoothing, weights, softmax_part):
    high, low, entropy = smoothing_constants(table.shape[0], smoothing)

    @tf.custom_gradient
    def fused(hidden, table):
        dtype, factor = hidden.dtype, as_factor(hidden)
        log_z, hits, d_hidden, d_table = softmax_part(factor, tf.cast(table, factor.dtype), labels, weights)
        rows = tf.cast(tf.gather(table, labels), dtype)  # [tokens, depth]
        every = tf.reduce_sum(table, 0)[tf.newaxis]  # [1, depth]
        counted = hidden if weights is None else hidden * tf.cast(weights, dtype)[:, tf.newaxis]
        total = tf.reduce_sum(counted, 0)[tf.newaxis]
        # `log_z` is the sum of log Z. The label's logit counts p - q, and the logit of every class counts q.
        labelled = tf.reduce_sum(tf.cast(counted * rows, tf.float32))
        spread = tf.reduce_sum(tf.cast(total, tf.float32) * every)
        count = tf.cast(tf.size(labels), tf.float32) if weights is None else tf.reduce_sum(weights)
        loss = log_z - (high - low) * labelled - low * spread - entropy * count

        def gradient(d_loss, _):
            linear = tf.cast(high - low, dtype) * rows + tf.cast(low * every, dtype)
            linear = linear if weights is None else linear * tf.cast(weights, dtype)[:, tf.newaxis]
            d_rows = tf.cast(d_hidden, dtype) - linear
            d_kernel = tf.tensor_scatter_nd_sub(
                d_table - low * tf.cast(total, tf.float32),
                labels[:, tf.newaxis],
                (high - low) * tf.cast(counted, tf.float32),
            )
            return tf.cast(d_loss, dtype) * d_rows, tf.cast(d_loss * d_kernel, table.dtype)

        return (loss, hits), gradient

    return fused(hidden, table)


def _softmax_part(hidden, kernel, labels, weights):
    """Sum of log Z, hits, and the gradients of that sum: `[tokens, depth]` and float32 `[vocab, depth]`."""
    tokens, size = tf.shape(hidden)[0], max(1, _CHUNK // kernel.shape[0])
    chunks = -(-tokens // size)
    rows = tf.TensorArray(hidden.dtype, chunks, element_shape=[None, hidden.shape[1]], infer_shape=False)

    def body(chunk, log_z, hits, d_hidden, d_table):
        part = slice(chunk * size, (chunk + 1) * size)
        found = _chunk_part(hidden[part], kernel, labels[part], None if weights is None else weights[part])
        return chunk + 1, log_z + found[0], hits + found[1], d_hidden.write(chunk, found[2]), d_table + found[3]

    log_z, hits, d_hidden, d_table = _for_each_chunk(chunks, body, rows, kernel)
    return log_z, hits, d_hidden.concat(), d_table


def _static_softmax_part(hidden, kernel, labels, weights):
    """As `_softmax_part`, in chunks of one size: what fills up the last one counts nothing."""
    tokens, depth = hidden.shape
    chunks = -(-tokens * kernel.shape[0] // _STATIC_CHUNK)
    size = -(-tokens // chunks)
    weights = tf.ones([tokens]) if weights is None else weights
    hidden, labels, weights = (
        tf.reshape(
            tf.pad(x, [[0, chunks * size - tokens]] + [[0, 0]] * (x.shape.rank - 1)), [chunks, size, *x.shape[1:]]
        )
        for x in (hidden, labels, weights)
    )
    if chunks == 1:
        log_z, hits, d_hidden, d_table = _chunk_part(hidden[0], kernel, labels[0], weights[0])
        return log_z, hits, d_hidden, d_table
    rows = tf.TensorArray(hidden.dtype, chunks, element_shape=[size, depth])

    def body(chunk, log_z, hits, d_hidden, d_table):
        found = _chunk_part(hidden[chunk], kernel, labels[chunk], weights[chunk])
        return chunk + 1, log_z + found[0], hits + found[1], d_hidden.write(chunk, found[2]), d_table + found[3]

    log_z, hits, d_hidden, d_table = _for_each_chunk(chunks, body, rows, kernel)
    return log_z, hits, tf.reshape(d_hidden.stack(), [chunks * size, depth])[:tokens], d_table


def _for_each_chunk(chunks, body, rows, kernel):
    state = [0, tf.zeros([]), tf.zeros([]), rows, tf.zeros(kernel.shape)]
    return tf.while_loop(lambda chunk, *_: chunk < chunks, body, state, parallel_iterations=1)[1:]


def _chunk_part(part, kernel, labels, weights):
    """What some tokens add: log Z and hits, their gradients `[tokens, depth]`, and that of the table."""
    logits = tf.cast(transposed_product(part, kernel), tf.float32)
    largest = tf.reduce_max(logits, 1, keepdims=True)
    powers = tf.exp(logits - largest)
    if is_compiled_by_xla():  # an accelerator may round what it multiplies
        partition = tf.reduce_sum(powers, 1, keepdims=True)
    else:
        partition = tf.matmul(powers, tf.ones([kernel.shape[0], 1]))  # sums rows faster than reduce_sum
    picked = tf.gather(logits, labels, batch_dims=1)[:, tf.newaxis]
    log_z, hits = largest + tf.math.log(partition), tf.cast(picked >= largest, tf.float32)
    factors = 1.0 / partition
    if weights is not None:
        column = weights[:, tf.newaxis]
        log_z, hits, factors = log_z * column, hits * column, factors * column
    powers, factors = tf.cast(powers, part.dtype), tf.cast(factors, part.dtype)
    d_table = tf.cast(tf.matmul(_transposed(powers), part * factors), tf.float32)
    return tf.reduce_sum(log_z), tf.reduce_sum(hits), tf.matmul(powers, kernel) * factors, d_table


def _transposed(x):
    # At small depths `matmul(transpose_a=True)` takes twice as long as a transposition and a product. The transposition
    # has rank 3: TensorFlow's graph optimizer turns one of rank 2 into `transpose_a=True` again.
    rows, columns = tf.shape(x)[0], x.shape[1]
    return tf.reshape(tf.transpose(x[:, tf.newaxis], [2, 1, 0]), [columns, rows])
