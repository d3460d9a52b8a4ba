"""The experts' feed-forward networks over a mesh: tokens travel to the devices that hold their experts, and back."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from t2t_multimodel.kernels.precision import sum_dtype
from t2t_multimodel.mesh.dispatch import Dispatch
from t2t_multimodel.mesh.layout import MeshLayout
from t2t_multimodel.mesh.program import ExpertProgram


def mesh_feed_forward(
    layout: MeshLayout,
    x: tf.Tensor,
    gates: tf.Tensor,
    indices: tf.Tensor,
    w1: Sequence[tf.Tensor],
    w2: Sequence[tf.Tensor],
    *,
    mask: tf.Tensor | None = None,
    capacity_factor: float | None = None,
) -> tf.Tensor:
    """`y[t] = sum_j gates[t, j] * ReLU(x[t] w1[e]) w2[e]` with `e = indices[t, j]`, experts divided over a mesh.

    Each device takes an equal share of the tokens and sorts them into one block for each expert. mesh-tensorflow's
    all-to-all brings blocks along the axis "experts" to the devices of their experts, and the outputs back. The
    gradient is written by hand, so that it too is computed where the experts are. Call it within a `tf.function`.

    Args:
        layout: the mesh.
        x: tokens, `[tokens, depth]`.
        gates: float32 `[tokens, k]`.
        indices: chosen experts, int32 `[tokens, k]`.
        w1: of each device, `[its experts, depth, hidden]`.
        w2: of each device, `[its experts, hidden, depth]`.
        mask: bool `[tokens]` or None; the others reach no expert and give zero.
        capacity_factor: None drops no token: every expert has the room that the busiest one needs for a device's
            tokens. A number gives room for `capacity_factor * tokens * k / experts` tokens of a device, masked ones
            included, and drops the others.

    Returns:
        `[tokens, depth]`.

    Example:

        layout = MeshLayout(1, 2, ("CPU:0", "CPU:0"))
        gates, indices = tf.constant([[0.7, 0.3]]), tf.constant([[2, 0]])
        w1, w2 = [tf.ones([2, 4, 8])] * 2, [tf.ones([2, 8, 4])] * 2  # four experts, two on each device
        run = tf.function(lambda x: mesh_feed_forward(layout, x, gates, indices, w1, w2))
        y = run(tf.ones([1, 4]))  # [1, 4]

    Reference: Lepikhin et al., "GShard", 2020; the all-to-all by change of layout is mesh-tensorflow's.
    """
    dispatch = Dispatch(layout, indices, w1[0].shape[0] * layout.experts, mask, capacity_factor)
    wide = sum_dtype(x.dtype)

    @tf.custom_gradient
    def run(x, gates, *weights):
        program = ExpertProgram(layout, weights[: len(w1)], weights[len(w1) :])
        my_gates = dispatch.split(tf.cast(gates, wide)[:, :, tf.newaxis])
        outputs, moved, hidden = program.forward(dispatch.to_blocks(dispatch.split(x)))
        slots = dispatch.from_blocks(outputs)
        y = dispatch.each(lambda s, g: tf.reduce_sum(tf.cast(s, wide) * g, 1), slots, my_gates)

        def gradient(dy):
            my_dy = dispatch.split(dy[:, tf.newaxis])
            d_gates = dispatch.each(lambda s, d: tf.reduce_sum(tf.cast(s * d, wide), 2), slots, my_dy)
            d_slots = dispatch.each(lambda d, g: d * tf.cast(g, d.dtype), my_dy, my_gates)
            d_blocks, dw1, dw2 = program.backward(moved, hidden, dispatch.to_blocks(d_slots))
            dx = dispatch.each(lambda d: tf.reduce_sum(tf.cast(d, wide), 1), dispatch.from_blocks(d_blocks))
            return tf.cast(tf.concat(dx, 0), x.dtype), tf.cast(tf.concat(d_gates, 0), gates.dtype), *dw1, *dw2

        return tf.cast(tf.concat(y, 0), x.dtype), gradient

    y = run(x, gates, *w1, *w2)
    y.set_shape(x.shape)
    return y
