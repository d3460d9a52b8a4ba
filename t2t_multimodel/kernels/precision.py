"""The type in which products are computed."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

_products = contextvars.ContextVar("products", default="float32")
_kernels: contextvars.ContextVar[dict[int, tf.Tensor] | None] = contextvars.ContextVar("kernels", default=None)


@contextlib.contextmanager
def products_in(dtype: str, kernels: Iterable[Any] = ()) -> Iterator[None]:
    """The block that traces a computation whose products take factors of `dtype`, its gradient included.

    All else, and every weight, stays in float32: sums over tokens, normalisations, softmax, gate and loss.

    Args:
        dtype: ``"float32"`` or ``"bfloat16"``.
        kernels: variables that are cast here, once, for all products within: a loop would cast them at each turn.

    Example:

        from t2t_multimodel.kernels.products import last_axis_product

        with products_in("bfloat16"):
            y = last_axis_product(tf.ones([2, 5, 8]), tf.ones([8, 3]))  # float32, of rounded factors

    Reference: Micikevicius et al., "Mixed Precision Training", 2018. Bfloat16 has the range of float32 and needs no
    loss scaling.
    """
    cast = (
        {} if dtype == "float32" else {id(kernel): tf.cast(tf.convert_to_tensor(kernel), dtype) for kernel in kernels}
    )
    tokens = _products.set(dtype), _kernels.set(cast)
    try:
        yield
    finally:
        for variable, token in zip((_products, _kernels), tokens):
            variable.reset(token)


def product_dtype(dtype: tf.DType) -> tf.DType:
    """The type of a product's factors where the tensors around it are of `dtype`.

    Example:

        with products_in("bfloat16"):
            product_dtype(tf.float32)  # tf.bfloat16
    """
    return tf.as_dtype(_products.get()) if dtype == tf.float32 else tf.as_dtype(dtype)


def as_factor(x: tf.Tensor) -> tf.Tensor:
    """`x` in the type of a product's factors; a product of factors stays in their type.

    Example:

        from t2t_multimodel.kernels.products import last_axis_product

        with products_in("bfloat16"):
            hidden = last_axis_product(as_factor(tf.ones([2, 8])), tf.ones([8, 3]))  # bfloat16
    """
    return tf.cast(x, product_dtype(x.dtype))


def as_kernel(kernel: Any, dtype: tf.DType) -> tf.Tensor:
    """A variable or tensor as the second factor of a product whose first one is of `dtype`.

    Example:

        kernel = as_kernel(tf.ones([8, 3]), tf.bfloat16)
    """
    ready = (_kernels.get() or {}).get(id(kernel))
    if ready is not None and ready.dtype == dtype:
        return ready
    return tf.cast(tf.convert_to_tensor(kernel), dtype)


def sum_dtype(dtype: tf.DType) -> tf.DType:
    """The type in which tensors of `dtype` are summed: float32 for bfloat16.

    Example:

        sum_dtype(tf.bfloat16)  # tf.float32
    """
    return tf.float32 if dtype == tf.bfloat16 else tf.as_dtype(dtype)
