"""The convolutional block as one function, traced once for all blocks of the same form."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from t2t_multimodel.kernels.conv_step import FusedConvStep, StepWeights, TimeGrid
from t2t_multimodel.kernels.products import mask_rows, reshape_like
from t2t_multimodel.layers.dropout import dropout


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
    all blocks of this form: a model has dozens of them. For the gradient it keeps its input and one tensor a step; a
    form that recomputes keeps its input alone and runs forward again.

    Args:
        form: which block.
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, or None.
        seed: of the dropout, int32 `[2]`, or None in inference.
        weights: of each step the four `StepWeights`, 16 in all.

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
        steps = [FusedConvStep(grid, real, dilation, form.padding, form.epsilon) for dilation in form.dilations]
        rows = tf.reshape(x, [-1, x.shape[-1]])
        y = _residual_steps(steps, form.second_skip == "input", rows, weights)
        return reshape_like(y if seed is None else dropout(y, form.dropout, seed), x)

    def recomputed(x, mask, seed, weights):
        return tf.recompute_grad(lambda x, *weights: forward(x, mask, seed, weights))(x, *weights)

    return tf.function(recomputed if form.recompute else forward, autograph=False)


def _residual_steps(steps: list[FusedConvStep], skip_from_input: bool, rows: tf.Tensor, weights: list[tf.Tensor]):
    """The block's four steps over rows; for the gradient it keeps the input and what each step keeps."""

    @tf.custom_gradient
    def run(rows, *weights):
        own = [StepWeights(*weights[i : i + 4]) for i in range(0, 16, 4)]
        kept = []

        def outputs(i, x):
            kept.append(steps[i].forward(x, own[i]))
            return kept[i].scaled(own[i])

        hidden = rows + outputs(1, outputs(0, rows))
        y = (rows if skip_from_input else hidden) + outputs(3, outputs(2, hidden))

        def gradient(dy):
            with tf.control_dependencies([dy]):  # as in `FusedConvStep.gradient`
                first, second, third = (kept[i].scaled(own[i]) for i in range(3))
                hidden = rows + second
            d_weights = [None] * 4

            def back(i, d_output, x):
                d_x, d_weights[i] = steps[i].gradient(d_output, x, kept[i], own[i])
                return d_x

            d_hidden = back(2, back(3, dy, third), hidden)
            d_hidden = d_hidden if skip_from_input else d_hidden + dy
            d_rows = d_hidden + back(0, back(1, d_hidden, first), rows)
            d_rows = d_rows + dy if skip_from_input else d_rows
            return d_rows, *(gradient for step in d_weights for gradient in step)

        return y, gradient

    return run(rows, *weights)
