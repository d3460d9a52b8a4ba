"""Feed-forward networks of many experts over tokens sorted by expert."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.kernels.products import transposed_product


class Routing(NamedTuple):
    """Slots (token, choice) sorted by expert.

    Attributes:
        token: token of each sorted slot, int32 `[slots]`.
        order: unsorted slot of each sorted slot, int32 `[slots]`.
        place: sorted slot of each unsorted slot, int32 `[slots]`.
        offsets: first sorted slot of each expert, then the number of slots, int32 `[experts + 1]`.
    """

    token: tf.Tensor
    order: tf.Tensor
    place: tf.Tensor
    offsets: tf.Tensor


def route(indices: tf.Tensor, num_experts: int) -> Routing:
    """Sorts the choices `[tokens, k]` by expert; slots of one expert stay in the order of their tokens."""
    chosen = tf.reshape(indices, [-1])
    order = tf.argsort(chosen, stable=True)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(chosen), chosen, num_experts)
    offsets = tf.concat([[0], tf.cumsum(counts)], 0)
    return Routing(order // indices.shape[1], order, tf.math.invert_permutation(order), offsets)


def expert_feed_forward(x: tf.Tensor, gates: tf.Tensor, indices: tf.Tensor, w1: tf.Tensor, w2: tf.Tensor) -> tf.Tensor:
    """`y[t] = sum_j gates[t, j] * ReLU(x[t] w1[e]) w2[e]` with `e = indices[t, j]`: exact for any routing.

    A graph loop over the experts multiplies each one's rows of the sorted slots, which are views and no copies. No
    row is computed for nothing, be the routing even, skewed or all on a few experts. In the gradient dispatch and
    combination are gathers both ways, as each token has exactly k slots.

    Args:
        x: tokens, `[tokens, depth]`.
        gates: `[tokens, k]`, float32.
        indices: chosen experts, int32 `[tokens, k]`.
        w1: `[experts, depth, hidden]`.
        w2: `[experts, hidden, depth]`.

    Returns:
        `[tokens, depth]`.
    """
    return _expert_feed_forward(x, gates, indices, w1, w2)


@tf.custom_gradient
def _expert_feed_forward(x, gates, indices, w1, w2):
    k, depth = indices.shape[1], x.shape[1]
    routing = route(indices, w1.shape[0])
    weights = tf.cast(gates, x.dtype)
    sorted_y, hidden = _forward(tf.gather(x, routing.token), w1, w2, routing.offsets)
    slots = tf.reshape(tf.gather(sorted_y, routing.place), [-1, k, depth])
    y = tf.reduce_sum(slots * weights[:, :, tf.newaxis], 1)

    def gradient(dy):
        with tf.control_dependencies([dy]):  # else it would be merged with the forward pass' and kept until here
            sorted_x = tf.gather(x, routing.token)
        sorted_dy = tf.gather(dy, routing.token)
        sorted_gates = tf.gather(tf.reshape(weights, [-1]), routing.order)
        d_gates = tf.gather(tf.reduce_sum(sorted_dy * sorted_y, 1), routing.place)
        dy_slots = sorted_dy * sorted_gates[:, tf.newaxis]
        with tf.control_dependencies([dy]):  # else the gradients' memory would be taken when the step begins
            dx_slots, dw1, dw2 = _backward(sorted_x, hidden, dy_slots, w1, w2, routing.offsets)
        dx = tf.reduce_sum(tf.reshape(tf.gather(dx_slots, routing.place), [-1, k, depth]), 1)
        return dx, tf.cast(tf.reshape(d_gates, [-1, k]), gates.dtype), None, dw1, dw2

    return y, gradient


def _forward(x, w1, w2, offsets):
    """Output `[slots, depth]` and hidden layer `[slots, hidden]` of the sorted slots `x`."""
    experts, depth, hidden = w1.shape
    arrays = [_rows(experts, depth, x.dtype), _rows(experts, hidden, x.dtype)]

    def body(expert, outputs, hiddens):
        inner = tf.nn.relu(tf.matmul(x[offsets[expert] : offsets[expert + 1]], w1[expert]))
        return expert + 1, outputs.write(expert, tf.matmul(inner, w2[expert])), hiddens.write(expert, inner)

    _, outputs, hiddens = _for_each(experts, body, arrays)
    return outputs.concat(), hiddens.concat()


def _backward(x, hidden, dy, w1, w2, offsets):
    """Gradients of the sorted slots, `w1` and `w2`."""
    experts, depth = w1.shape[:2]
    arrays = [_rows(experts, depth, x.dtype), _empty(w1), _empty(w2)]

    def body(expert, dxs, dw1s, dw2s):
        rows = slice(offsets[expert], offsets[expert + 1])
        inner, outer = hidden[rows], dy[rows]
        d_inner = transposed_product(outer, w2[expert])
        d_inner = tf.raw_ops.ReluGrad(gradients=d_inner, features=inner)
        dxs = dxs.write(expert, transposed_product(d_inner, w1[expert]))
        dw1s = _put(dw1s, expert, tf.matmul(x[rows], d_inner, transpose_a=True))
        return expert + 1, dxs, dw1s, _put(dw2s, expert, tf.matmul(inner, outer, transpose_a=True))

    _, dxs, dw1s, dw2s = _for_each(experts, body, arrays)
    return dxs.concat(), dw1s, dw2s


# Gradients of the weights are written in place, where a TensorArray would be copied into one tensor at the end and
# tf.tensor_scatter_nd_update copies the whole stack each time. Only the loop ever holds the stack.
def _empty(like: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.Empty(shape=like.shape.as_list(), dtype=like.dtype)


def _put(stack: tf.Tensor, place: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.InplaceUpdate(x=stack, i=[place], v=value[tf.newaxis])


def _rows(experts: int, depth: int, dtype: tf.DType) -> tf.TensorArray:
    return tf.TensorArray(dtype, experts, element_shape=[None, depth], infer_shape=False)


def _for_each(experts, body, arrays):
    # Each product uses all cores by itself; the next one's beginning fills the gaps at its end.
    return tf.while_loop(lambda expert, *_: expert < experts, body, [0, *arrays], parallel_iterations=2)


def capped_feed_forward(
    x: tf.Tensor,
    gates: tf.Tensor,
    indices: tf.Tensor,
    w1: tf.Tensor,
    w2: tf.Tensor,
    capacity_factor: float,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """`expert_feed_forward` as two batched products `[experts, capacity, depth]`, of static shape for static inputs.

    Each expert takes the first `ceil(capacity_factor * tokens * k / experts)` real tokens that chose it; for the
    others its share is zero.

    Args:
        x: tokens, `[tokens, depth]`.
        gates: `[tokens, k]`.
        indices: chosen experts, int32 `[tokens, k]`.
        w1: `[experts, depth, hidden]`.
        w2: `[experts, hidden, depth]`.
        capacity_factor: room over the mean load.
        mask: bool `[tokens]`, or None; the others take no room and give zero.

    Returns:
        `[tokens, depth]`.
    """
    experts, depth = w1.shape[0], x.shape[1]
    k = indices.shape[1]
    capacity = _capacity(x, k * capacity_factor / experts)
    chosen = tf.one_hot(tf.reshape(indices, [-1]), experts, dtype=tf.int32)  # [slots, experts]
    if mask is not None:
        chosen *= tf.repeat(tf.cast(mask, tf.int32), k)[:, tf.newaxis]
    rank = tf.reduce_sum((tf.cumsum(chosen) - 1) * chosen, 1)  # place of the slot within its expert
    fits = (tf.reduce_sum(chosen, 1) > 0) & (rank < capacity)
    # Slots that do not fit go to one row past the end, which is cut off.
    row = tf.where(fits, tf.reshape(indices, [-1]) * capacity + rank, experts * capacity)
    sent = tf.scatter_nd(row[:, tf.newaxis], tf.repeat(x, k, axis=0), [experts * capacity + 1, depth])
    blocks = tf.reshape(sent[:-1], [experts, capacity, depth])
    outputs = tf.matmul(tf.nn.relu(tf.matmul(blocks, w1)), w2)
    outputs = tf.pad(tf.reshape(outputs, [-1, depth]), [[0, 1], [0, 0]])
    slots = tf.reshape(tf.gather(outputs, row), [-1, k, depth])
    return tf.reduce_sum(slots * tf.cast(gates, x.dtype)[:, :, tf.newaxis], 1)


def _capacity(x: tf.Tensor, per_token: float) -> tf.Tensor | int:
    if x.shape[0] is not None:
        return max(1, -int(-x.shape[0] * per_token // 1))
    rows = tf.cast(tf.shape(x)[0], tf.float32)
    return tf.maximum(1, tf.cast(tf.math.ceil(rows * per_token), tf.int32))
