"""The convolutional block as one function, traced once for all blocks of the same form."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from t2t_multimodel.layers.dropout import dropout
from t2t_multimodel.layers.fused_conv_step import TimeGrid, conv_step_rows
from t2t_multimodel.layers.shapes import mask_rows, reshape_like

_WEIGHTS_PER_STEP = 4


@dataclasses.dataclass(frozen=True)
class BlockForm:
    """All that tells blocks apart beside their weights; fields as in `ConvBlock`."""

    kernel_sizes: tuple[int, int, int, int]
    dilations: tuple[int, int, int, int]
    padding: str
    second_skip: str
    dropout: float
    epsilon: float
    recompute: bool = False


def conv_block(
    form: BlockForm,
    x: tf.Tensor,
    mask: tf.Tensor | None,
    seed: tf.Tensor | None,
    weights: list[tf.Tensor],
) -> tf.Tensor:
    """The four steps and two residual connections of `ConvBlock`, float32.

    Within a `tf.function` the block is a call of a function of its own, which is traced and differentiated once for
    all blocks of this form: a model has dozens of them. A form that recomputes keeps
    only its input for the gradient, where it runs forward again.

    Args:
        form: which block.
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, or None.
        seed: of the dropout, int32 `[2]`, or None in inference.
        weights: of each step, as `conv_step_rows` takes them, 16 in all.

    Returns:
        `[batch, time, depth]`.
    """
    function = _function(form)
    if tf.inside_function():
        y = function(x, mask, seed, weights)
        y.set_shape(x.shape)
        return y
    return function.python_function(x, mask, seed, weights)


@functools.cache
def _function(form: BlockForm) -> Callable:
    def forward(x, mask, seed, weights):
        grid, real = TimeGrid(x), mask_rows(mask, x.dtype)

        def step(i, rows):
            own = tuple(weights[i * _WEIGHTS_PER_STEP : (i + 1) * _WEIGHTS_PER_STEP])
            return conv_step_rows(
                rows, grid, real, own, dilation=form.dilations[i], padding=form.padding, epsilon=form.epsilon
            )

        rows = tf.reshape(x, [-1, x.shape[-1]])
        hidden = rows + step(1, step(0, rows))
        skip = rows if form.second_skip == "input" else hidden
        y = skip + step(3, step(2, hidden))
        return reshape_like(y if seed is None else dropout(y, form.dropout, seed), x)

    def recomputed(x, mask, seed, weights):
        return tf.recompute_grad(lambda x, *weights: forward(x, mask, seed, weights))(x, *weights)

    return tf.function(recomputed if form.recompute else forward, autograph=False)
