"""Feed-forward networks of many experts, each token through the k experts chosen for it."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.choose import choose
from t2t_multimodel.kernels.expert_blocks import expert_blocks
from t2t_multimodel.kernels.precision import as_factor
from t2t_multimodel.kernels.products import transposed_product
from t2t_multimodel.kernels.routing import receive, route, send, slot_ranks


def expert_feed_forward(
    x: tf.Tensor,
    gates: tf.Tensor,
    indices: tf.Tensor,
    w1: tf.Tensor,
    w2: tf.Tensor,
    *,
    capacity_factor: float | None = None,
    mask: tf.Tensor | None = None,
    step: bool = False,
    form: str | None = None,
) -> tf.Tensor:
    """`y[t] = sum_j gates[t, j] * ReLU(x[t] w1[e]) w2[e]` with `e = indices[t, j]`.

    The plain form sends every token through every expert. The fused form sorts the slots (token, choice) by expert;
    a graph loop over the experts multiplies the rows of each, which are views of the sorted slots and not copies.
    It computes no row in vain, however uneven the routing is. Both are exact. The static form gives each expert room
    for a fixed number of tokens, which makes two batched products `[experts, capacity, depth]` of static shape. The
    blocks form fills each expert's slots up to whole blocks (`expert_blocks`): of static shape too, and exact. The
    looped form is for few tokens of static number: one expert after the other takes all of them, or, where the choices
    are fewer than the experts, one choice after the other its token; nothing is sorted, and it is exact.

    Args:
        x: tokens, `[tokens, depth]`.
        gates: `[tokens, k]`, float32.
        indices: chosen experts, int32 `[tokens, k]`.
        w1: `[experts, depth, hidden]`.
        w2: `[experts, hidden, depth]`.
        capacity_factor: of the static form: each expert takes the first `ceil(capacity_factor * tokens * k / experts)`
            real tokens that chose it; its share is zero for the others. None drops no token.
        mask: bool `[tokens]`, or None; the others take no room in the static form and give zero.
        step: the tokens are those of a step of decoding.
        form: "plain", "fused", "static", "looped" or "blocks"; None lets `choose` decide.

    Returns:
        `[tokens, depth]`.

    Example:

        gates, indices = tf.constant([[0.7, 0.3]]), tf.constant([[2, 0]])
        y = expert_feed_forward(tf.ones([1, 4]), gates, indices, tf.ones([3, 4, 8]), tf.ones([3, 8, 4]))  # [1, 4]

    Reference: Shazeer et al., "Outrageously Large Neural Networks", 2017.
    """
    rows = x.shape[0] if step else None
    form = form or choose("experts", x.dtype, capacity_factor=capacity_factor, rows=rows)
    tokens, w1, w2 = as_factor(x), as_factor(w1), as_factor(w2)
    if form == "static":
        return tf.cast(_static(tokens, gates, indices, w1, w2, capacity_factor, mask), x.dtype)
    if form == "blocks":
        return tf.cast(expert_blocks(tokens, gates, indices, w1, w2, mask), x.dtype)
    y = {"plain": _plain, "fused": _fused, "looped": _looped}[form](tokens, gates, indices, w1, w2)
    y = tf.cast(y, x.dtype)
    return y if mask is None else y * tf.cast(mask, y.dtype)[:, tf.newaxis]


def _plain(x, gates, indices, w1, w2):
    full = tf.reduce_sum(tf.one_hot(indices, w1.shape[0], dtype=x.dtype) * tf.cast(gates, x.dtype)[..., tf.newaxis], 1)
    inner = tf.nn.relu(tf.einsum("td,edf->tef", x, w1))  # [tokens, experts, hidden]
    return tf.einsum("te,tef,efd->td", full, inner, w2)


def _looped(x, gates, indices, w1, w2):
    (rows, k), experts = indices.shape, w1.shape[0]
    weights = tf.cast(gates, x.dtype)

    def through(expert, tokens):
        return tf.matmul(tf.nn.relu(tf.matmul(tokens, w1[expert])), w2[expert])

    def add_expert(expert, y):
        share = tf.reduce_sum(tf.where(tf.equal(indices, expert), weights, 0), 1)
        return expert + 1, y + share[:, tf.newaxis] * through(expert, x)

    def add_choice(slot, y):
        token, choice = slot // k, slot % k
        here = tf.one_hot(token, rows, dtype=x.dtype)[:, tf.newaxis]
        return slot + 1, y + here * weights[token, choice] * through(indices[token, choice], x[token][tf.newaxis])

    count, add = (experts, add_expert) if rows * k >= experts else (rows * k, add_choice)
    return tf.while_loop(lambda i, y: i < count, add, [0, tf.zeros_like(x)])[1]


@tf.custom_gradient
def _fused(x, gates, indices, w1, w2):
    k, depth = indices.shape[1], x.shape[1]
    routing = route(indices, w1.shape[0])
    wide = tf.float32 if x.dtype == tf.bfloat16 else x.dtype  # of sums over choices
    weights = tf.cast(gates, wide)
    sorted_y, hidden = _forward(tf.gather(x, routing.token), w1, w2, routing.offsets)
    slots = tf.reshape(tf.cast(tf.gather(sorted_y, routing.inverse), wide), [-1, k, depth])
    y = tf.reduce_sum(slots * weights[:, :, tf.newaxis], 1)

    def gradient(dy):
        # Without the dependency TensorFlow reuses the forward pass' tensor and keeps it until here.
        with tf.control_dependencies([dy]):
            sorted_x = tf.gather(x, routing.token)
        sorted_dy = tf.gather(tf.cast(dy, x.dtype), routing.token)
        sorted_gates = tf.cast(tf.gather(tf.reshape(weights, [-1]), routing.order), x.dtype)
        d_gates = tf.gather(tf.reduce_sum(tf.cast(sorted_dy * sorted_y, wide), 1), routing.inverse)
        dy_slots = sorted_dy * sorted_gates[:, tf.newaxis]
        # Without the dependency the memory of the gradients is taken when the step begins.
        with tf.control_dependencies([dy]):
            dx_slots, dw1, dw2 = _backward(sorted_x, hidden, dy_slots, w1, w2, routing.offsets)
        dx_slots = tf.cast(tf.gather(dx_slots, routing.inverse), wide)
        dx = tf.cast(tf.reduce_sum(tf.reshape(dx_slots, [-1, k, depth]), 1), x.dtype)
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


# The gradients of the weights are written in place. A TensorArray is copied into one tensor at the end, and
# tf.tensor_scatter_nd_update copies the whole stack each time. Only the loop holds the stack.
def _empty(like: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.Empty(shape=like.shape.as_list(), dtype=like.dtype)


def _put(stack: tf.Tensor, index: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.InplaceUpdate(x=stack, i=[index], v=value[tf.newaxis])


def _rows(experts: int, depth: int, dtype: tf.DType) -> tf.TensorArray:
    return tf.TensorArray(dtype, experts, element_shape=[None, depth], infer_shape=False)


def _for_each(experts, body, arrays):
    # Each product uses all cores. The beginning of the next one fills the gaps at its end.
    return tf.while_loop(lambda expert, *_: expert < experts, body, [0, *arrays], parallel_iterations=2)


def _static(x, gates, indices, w1, w2, capacity_factor, mask):
    (experts, depth), k = w1.shape[:2], indices.shape[1]
    capacity = _capacity(x, k * capacity_factor / experts)
    ranks = slot_ranks(indices, experts, mask)
    fits = (ranks.expert < experts) & (ranks.rank < capacity)
    places = tf.where(fits, ranks.expert * capacity + ranks.rank, experts * capacity)
    blocks = tf.reshape(send(x, places, k, experts * capacity), [experts, capacity, depth])
    outputs = tf.matmul(tf.nn.relu(tf.matmul(blocks, w1)), w2)
    return receive(tf.reshape(outputs, [-1, depth]), places, gates)


def count_slots(
    x: tf.Tensor, indices: tf.Tensor, num_experts: int, capacity_factor: float, mask: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """How many slots (token, choice) there are, and how many the static form of `expert_feed_forward` drops.

    Args:
        x: tokens, `[tokens, depth]`.
        indices: chosen experts, int32 `[tokens, k]`.
        num_experts: number of experts.
        capacity_factor: room of each expert over the mean load.
        mask: bool `[tokens]`, or None; the others count nothing.

    Returns:
        Two float32 scalars.

    Example:

        slots, dropped = count_slots(tf.ones([4, 8]), tf.constant([[0], [0], [0], [1]]), 2, capacity_factor=1.0)  # 4, 1
    """
    capacity = _capacity(x, indices.shape[1] * capacity_factor / num_experts)
    counts = slot_ranks(indices, num_experts, mask).counts
    dropped = tf.reduce_sum(tf.maximum(counts - capacity, 0))
    return tf.cast(tf.reduce_sum(counts), tf.float32), tf.cast(dropped, tf.float32)


def _capacity(x: tf.Tensor, per_token: float) -> tf.Tensor | int:
    if x.shape[0] is not None:
        return max(1, -int(-x.shape[0] * per_token // 1))
    rows = tf.cast(tf.shape(x)[0], tf.float32)
    return tf.maximum(1, tf.cast(tf.math.ceil(rows * per_token), tf.int32))
