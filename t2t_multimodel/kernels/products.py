"""Products, reshapes and masks over the last axis, for static and dynamic shapes alike."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose
from t2t_multimodel.kernels.precision import as_factor, as_kernel


def reshape_like(rows: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Reshapes `rows` `[-1, units]` to the leading shape of `x`: `[..., units]`, keeping what is known statically."""
    static = [*x.shape[:-1], rows.shape[-1]]
    if static.count(None) <= 1:
        return tf.reshape(rows, [-1 if size is None else size for size in static])
    y = tf.reshape(rows, tf.concat([tf.shape(x)[:-1], [rows.shape[-1]]], 0))
    y.set_shape(static)
    return y


def last_axis_product(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None, form: str | None = None
) -> tf.Tensor:
    """Multiplies `[..., depth]` by `[depth, units]` in one 2-D product, with factors as `precision.products_in` says.

    Args:
        x: `[..., depth]`.
        kernel: `[depth, units]`; it is cast to the type of `x`.
        bias: `[units]` or None.
        form: "plain" or "fused" (`transposed_product` in the gradient); None lets `choose` decide.

    Returns:
        `[..., units]`.

    Example:

        y = last_axis_product(tf.ones([2, 5, 8]), tf.ones([8, 3]))  # [2, 5, 3]
    """
    rows = as_factor(x if x.shape.rank == 2 else tf.reshape(x, [-1, kernel.shape[0]]))
    kernel = as_kernel(kernel, rows.dtype)
    form = form or choose("product", units=kernel.shape[1])
    y = tf.cast(tf.matmul(rows, kernel) if form == "plain" else _fused_product(rows, kernel), x.dtype)
    if bias is not None:
        y = tf.nn.bias_add(y, tf.cast(tf.convert_to_tensor(bias), x.dtype))
    return y if x.shape.rank == 2 else reshape_like(y, x)


def _fused_product(rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    @tf.custom_gradient
    def product(rows, kernel):
        def gradient(dy):
            return transposed_product(dy, kernel), tf.matmul(rows, dy, transpose_a=True)

        return tf.matmul(rows, kernel), gradient

    return product(rows, kernel)


def transposed_product(x: tf.Tensor, kernel: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """`x kernel^T`, as in the gradient of a product with `kernel`.

    Where sums are long, TensorFlow's batched product is faster for a transposed matrix, even with a batch of one.

    Args:
        x: `[rows, units]`.
        kernel: `[depth, units]`, of static shape.
        form: "plain" or "fused" (batched); None lets `choose` decide.

    Returns:
        `[rows, depth]`.

    Example:

        y = transposed_product(tf.ones([5, 3]), tf.ones([8, 3]))  # [5, 8]
    """
    form = form or choose("transposed_product", units=kernel.shape[1])
    if form == "plain":
        return tf.matmul(x, kernel, transpose_b=True)
    y = tf.raw_ops.BatchMatMulV2(x=tf.expand_dims(x, 0), y=tf.expand_dims(kernel, 0), adj_y=True)
    return tf.squeeze(y, 0)


def small_batched_product(x: tf.Tensor, y: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """`x y`, or `x y^T`, of many small matrices, as in one step of attention.

    In float32 it is TensorFlow's own product: oneDNN's, which `tf.matmul` takes on CPUs, needs up to three times as
    long for matrices of one row.

    Args:
        x: `[..., rows, depth]`.
        y: `[..., depth, units]`, or `[..., units, depth]` with `transpose`.
        transpose: of the matrices of `y`.

    Returns:
        `[..., rows, units]`.

    Example:

        y = small_batched_product(tf.ones([2, 4, 1, 8]), tf.ones([2, 4, 5, 8]), transpose=True)  # [2, 4, 1, 5]
    """
    if x.dtype != tf.float32:
        return tf.matmul(x, y, transpose_b=transpose)
    return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=tf.float32, adj_y=transpose)


def small_softmax(x: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis of few numbers, as in one step of attention, `[..., units]`.

    oneDNN's, which `tf.nn.softmax` takes on CPUs, needs three times as long for them.

    Example:

        y = small_softmax(tf.ones([2, 4, 1, 5]))  # 0.2
    """
    y = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
    return y / tf.reduce_sum(y, -1, keepdims=True)


def apply_mask(x: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Zeroes padding: `x` `[batch, time, depth]`, `mask` `[batch, time]` (True or 1 = real) or None."""
    return x if mask is None else x * tf.cast(mask, x.dtype)[..., tf.newaxis]


def mask_rows(mask: tf.Tensor | None, dtype: tf.DType) -> tf.Tensor | None:
    """A mask `[batch, time]` as factors of rows, `[batch * time, 1]` of `dtype`; None stays None."""
    return None if mask is None else tf.reshape(tf.cast(mask, dtype), [-1, 1])
