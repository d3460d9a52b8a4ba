"""The convolutional block as one function, traced once for all blocks of the same form."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose, is_compiled_by_xla
from t2t_multimodel.kernels.conv_step import FusedConvStep, StepWeights, TimeGrid, conv_step
from t2t_multimodel.kernels.dropout import dropout
from t2t_multimodel.kernels.precision import product_dtype
from t2t_multimodel.kernels.products import mask_rows, reshape_like


@dataclasses.dataclass(frozen=True)
class BlockForm:
    """All that tells blocks apart besides their weights; fields as in `ConvBlock`."""

    kernel_sizes: tuple[int, int, int, int]
    dilations: tuple[int, int, int, int]
    padding: str
    second_skip: str
    dropout: float
    epsilon: float
    recompute: bool = False


def conv_block(
    block: BlockForm,
    x: tf.Tensor,
    mask: tf.Tensor | None,
    seed: tf.Tensor | None,
    weights: list[tf.Tensor],
    form: str | None = None,
) -> tf.Tensor:
    """The four steps and two residual connections of `ConvBlock`.

    Within a `tf.function` the block is a call of another function, which is traced and differentiated once for all
    blocks with these options: a model has dozens of them. For the gradient the fused form keeps the block's input and
    one tensor a step. A block that recomputes keeps its input alone and runs forward again.

    Args:
        block: the block's options.
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, or None.
        seed: of the dropout, int32 `[2]`, or None in inference.
        weights: of each step the four `StepWeights`, 16 in all, in the type of `x`.
        form: "plain" or "fused" (float32 only); None lets `choose` decide.

    Returns:
        `[batch, time, depth]`.

    Example:

        block = BlockForm((3, 3, 3, 3), (1, 1, 1, 2), "same", "input", dropout=0.0, epsilon=1e-6)
        weights = [tf.ones([3, 1, 4, 1]), tf.ones([4, 4]), tf.ones([4]), tf.zeros([4])] * 4
        y = conv_block(block, tf.random.normal([2, 9, 4]), None, None, weights)  # [2, 9, 4]
    """
    form = form or choose("conv_block", x.dtype, kernel_sizes=block.kernel_sizes)
    function = _function(block, form, product_dtype(x.dtype), is_compiled_by_xla())
    if tf.inside_function():
        y = function(x, mask, seed, weights)
        y.set_shape(x.shape)
        return y
    return function.python_function(x, mask, seed, weights)


@functools.cache
def _function(block: BlockForm, form: str, product: tf.DType, in_xla: bool) -> Callable:
    del product, in_xla  # the parts' types of products and forms, by which traces differ
    residual_steps = {"plain": _plain, "fused": _fused}[form]

    def forward(x, mask, seed, weights):
        y = residual_steps(block, x, mask, weights)
        return y if seed is None else dropout(y, block.dropout, seed)

    def recomputed(x, mask, seed, weights):
        return tf.recompute_grad(lambda x, *weights: forward(x, mask, seed, weights))(x, *weights)

    return tf.function(recomputed if block.recompute else forward, autograph=False)


def _plain(block, x, mask, weights):
    def step(i, x):
        return conv_step(
            x,
            mask,
            StepWeights(*weights[4 * i : 4 * i + 4]),
            dilation=block.dilations[i],
            padding=block.padding,
            epsilon=block.epsilon,
            form="plain",
        )

    hidden = x + step(1, step(0, x))
    return (x if block.second_skip == "input" else hidden) + step(3, step(2, hidden))


def _fused(block, x, mask, weights):
    grid, real = TimeGrid(x), mask_rows(mask, x.dtype)
    product = product_dtype(x.dtype)
    steps = [FusedConvStep(grid, real, dilation, block.padding, block.epsilon, product) for dilation in block.dilations]
    rows = tf.reshape(x, [-1, x.shape[-1]])
    return reshape_like(_residual_steps(steps, block.second_skip == "input", rows, weights), x)


def _residual_steps(steps: list[FusedConvStep], skip_from_input: bool, rows: tf.Tensor, weights: list[tf.Tensor]):
    """The block's four steps over rows; for the gradient it keeps the input and what each step keeps."""

    @tf.custom_gradient
    def run(rows, *weights):
        step_weights = [StepWeights(*weights[i : i + 4]) for i in range(0, 16, 4)]
        kept = []

        def outputs(i, x):
            kept.append(steps[i].forward(x, step_weights[i]))
            return kept[i].scaled(step_weights[i])

        hidden = rows + outputs(1, outputs(0, rows))
        y = (rows if skip_from_input else hidden) + outputs(3, outputs(2, hidden))

        def gradient(dy):
            with tf.control_dependencies([dy]):  # see `FusedConvStep.gradient`
                first, second, third = (kept[i].scaled(step_weights[i]) for i in range(3))
                hidden = rows + second
            d_weights = [None] * 4

            def back(i, d_output, x):
                d_x, d_weights[i] = steps[i].gradient(d_output, x, kept[i], step_weights[i])
                return d_x

            d_hidden = back(2, back(3, dy, third), hidden)
            d_hidden = d_hidden if skip_from_input else d_hidden + dy
            d_rows = d_hidden + back(0, back(1, d_hidden, first), rows)
            d_rows = d_rows + dy if skip_from_input else d_rows
            return d_rows, *(gradient for step in d_weights for gradient in step)

        return y, gradient

    return run(rows, *weights)
