"""Which form of a computation runs: the one place that decides.

Forms:
    plain: TensorFlow's operations, differentiated by TensorFlow; takes any float type, and is what tests compare with.
    fused: fewer operations and less memory on CPUs and GPUs; its gradient is written by hand.
    static, looped, blocks: no shape depends on a value; for XLA.

Rules:
    product, transposed_product: fused where the sums of the transposed product are long, else plain.
    depthwise_conv, depthwise_conv_2d, layer_norm, dropout, cross_entropy: fused.
    conv_step, conv_block: fused in float32 with kernels of 2 taps or more, else plain.
    normal_noise: plain.
    experts: static with a capacity factor; looped for few rows of known number, as in a compiled step of decoding; else
        fused.

Within `compiled_by_xla` the compiler fuses by itself, and all is plain but for
    dropout: fused.
    normal_noise: static.
    cross_entropy: static, which does not hold all logits.
    experts: static with a capacity factor, else blocks, which drop nothing.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
from collections.abc import Iterator, Sequence

import tensorflow as tf

FORMS: dict[str, tuple[str, ...]] = {
    "product": ("plain", "fused"),
    "transposed_product": ("plain", "fused"),
    "depthwise_conv": ("plain", "fused"),
    "depthwise_conv_2d": ("plain", "fused"),
    "layer_norm": ("plain", "fused"),
    "dropout": ("plain", "fused"),
    "normal_noise": ("plain", "static"),
    "conv_step": ("plain", "fused"),
    "conv_block": ("plain", "fused"),
    "experts": ("plain", "fused", "static", "looped", "blocks"),
    "cross_entropy": ("plain", "fused", "static"),
}

# Products with shorter sums are faster in the plain form (docs/performance.md).
_LONG_SUM = 512
# Every expert can take so many rows while its weights are read.
_FEW_ROWS = 64

_NOT_PLAIN_IN_XLA = {"dropout": "fused", "normal_noise": "static", "cross_entropy": "static"}

_log = logging.getLogger(__name__)
_in_xla = contextvars.ContextVar("in_xla", default=False)


@contextlib.contextmanager
def compiled_by_xla() -> Iterator[None]:
    """The block that traces what XLA will compile; a step enters it while it is traced, its gradient included.

    Example:

        with compiled_by_xla():
            choose("conv_block", kernel_sizes=(3, 3, 15, 15))  # "plain"
    """
    token = _in_xla.set(True)
    try:
        yield
    finally:
        _in_xla.reset(token)


def is_compiled_by_xla() -> bool:
    """Whether what is traced now is for XLA, in static shapes.

    Example:

        is_compiled_by_xla()  # False
    """
    return _in_xla.get()


def choose(
    operation: str,
    dtype: tf.DType | str = tf.float32,
    *,
    units: int = 0,
    kernel_sizes: Sequence[int] = (),
    capacity_factor: float | None = None,
    rows: int | None = None,
) -> str:
    """Names the form of an operation that fits its type and options.

    Args:
        operation: a key of `FORMS`.
        dtype: float type of the inputs.
        units: columns of a product's kernel `[depth, units]`.
        kernel_sizes: taps of the convolutions.
        capacity_factor: room of each expert over the mean load, or None where no token may be dropped.
        rows: tokens of a step of decoding where their number is static, else None.

    Returns:
        One of `FORMS[operation]`.

    Raises:
        ValueError: the operation is unknown.

    Example:

        choose("layer_norm")  # "fused"
        choose("conv_block", "bfloat16", kernel_sizes=(3, 3, 15, 15))  # "plain", and a line in the log
    """
    if operation not in FORMS:
        raise ValueError(f"operation {operation!r} is unknown; give one of {', '.join(FORMS)}")
    if _in_xla.get():
        return _choose_in_xla(operation, capacity_factor)
    if operation in ("product", "transposed_product"):
        return "fused" if units >= _LONG_SUM else "plain"
    if operation in ("conv_step", "conv_block"):
        if min(kernel_sizes) < 2:
            return "plain"
        name = tf.as_dtype(dtype).name
        if name != "float32":
            _say_plain(operation, name)
            return "plain"
    if operation == "normal_noise":
        return "plain"
    if operation == "experts" and capacity_factor is not None:
        return "static"
    if operation == "experts" and rows is not None and rows <= _FEW_ROWS:
        return "looped"
    return "fused"


def _choose_in_xla(operation: str, capacity_factor: float | None) -> str:
    if operation == "experts":
        return "blocks" if capacity_factor is None else "static"
    return _NOT_PLAIN_IN_XLA.get(operation, "plain")


@functools.cache
def _say_plain(operation: str, dtype: str) -> None:
    _log.warning(
        "%s in %s takes its plain form: only float32 has the fused one, which needs less memory", operation, dtype
    )
