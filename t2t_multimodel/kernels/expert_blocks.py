"""The experts' networks over blocks of slots: static shapes, no slot dropped, few rows in vain."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.kernels.routing import receive, send, slot_ranks

# Products of fewer rows than that gain nothing on accelerators.
_TILE = 128


def block_size(slots: int, num_experts: int) -> int:
    """Rows of a block: half of an expert's mean load, a multiple of 8, or of 128 where loads are large.

    There are as many blocks as the worst routing needs, of whose rows a third is empty. Smaller blocks would leave
    less room, but read the weights more often.

    Example:

        block_size(8192, 30)  # 256
    """
    rows = -(-slots // (2 * num_experts))
    multiple = _TILE if rows > _TILE else 8
    return max(8, -(-rows // multiple) * multiple)


def expert_blocks(
    x: tf.Tensor,
    gates: tf.Tensor,
    indices: tf.Tensor,
    w1: tf.Tensor,
    w2: tf.Tensor,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """`expert_feed_forward` in static shapes without a capacity.

    The slots of each expert fill blocks of `block_size` rows, the last one in part. However uneven the routing is,
    `slots / size + experts` blocks are enough, and a loop takes one block after the other.

    Args:
        x: tokens of known number, `[tokens, depth]`.
        gates: `[tokens, k]`, float32.
        indices: chosen experts, int32 `[tokens, k]`.
        w1: `[experts, depth, hidden]`.
        w2: `[experts, hidden, depth]`.
        mask: bool `[tokens]`, or None; the others are not computed and give zero.

    Returns:
        `[tokens, depth]`.

    Example:

        gates, indices = tf.constant([[0.7, 0.3]]), tf.constant([[2, 0]])
        y = expert_blocks(tf.ones([1, 4]), gates, indices, tf.ones([3, 4, 8]), tf.ones([3, 8, 4]))  # [1, 4]

    Reference: Gale et al., "MegaBlocks: Efficient Sparse Training with Mixture-of-Experts", 2022.
    """
    (experts, depth), (tokens, k) = w1.shape[:2], indices.shape
    size = block_size(tokens * k, experts)
    blocks = (tokens * k + experts * (size - 1)) // size
    ranks = slot_ranks(indices, experts, mask)
    ends = tf.cumsum(-(-ranks.counts // size))  # one past the last block of each expert
    starts = tf.concat([[0], ends], 0) * size  # a masked slot has the expert `experts`
    places = tf.where(ranks.expert < experts, tf.gather(starts, ranks.expert) + ranks.rank, blocks * size)
    passed = tf.cast(tf.range(blocks)[:, tf.newaxis] >= ends, tf.int32)
    owners = tf.minimum(tf.reduce_sum(passed, 1), experts - 1)  # [blocks]
    sent = tf.reshape(send(x, places, k, blocks * size), [blocks, size, depth])
    return receive(tf.reshape(_products(sent, owners, w1, w2), [-1, depth]), places, gates)


@tf.custom_gradient
def _products(x, owners, w1, w2):
    """Block b of `x` `[blocks, size, depth]` through the network of expert `owners[b]`."""
    (blocks, size, depth), hidden = x.shape, w1.shape[2]

    def forward(block, outputs, hiddens):
        expert = owners[block]
        inner = tf.nn.relu(tf.matmul(x[block], w1[expert]))
        return block + 1, outputs.write(block, tf.matmul(inner, w2[expert])), hiddens.write(block, inner)

    arrays = [tf.TensorArray(x.dtype, blocks, element_shape=[size, width]) for width in (depth, hidden)]
    outputs, hiddens = _for_each(blocks, forward, arrays)
    inner = hiddens.stack()

    def gradient(dy):
        def backward(block, dxs, dw1, dw2):
            expert = owners[block]
            d_inner = tf.matmul(dy[block], w2[expert], transpose_b=True)
            d_inner = tf.where(inner[block] > 0, d_inner, tf.zeros_like(d_inner))
            dxs = dxs.write(block, tf.matmul(d_inner, w1[expert], transpose_b=True))
            dw1 = _added(dw1, expert, tf.matmul(x[block], d_inner, transpose_a=True))
            return block + 1, dxs, dw1, _added(dw2, expert, tf.matmul(inner[block], dy[block], transpose_a=True))

        sums = [tf.zeros(w.shape, tf.float64 if w.dtype == tf.float64 else tf.float32) for w in (w1, w2)]
        dxs = tf.TensorArray(x.dtype, blocks, element_shape=[size, depth])
        dxs, dw1, dw2 = _for_each(blocks, backward, [dxs, *sums])
        return dxs.stack(), None, tf.cast(dw1, w1.dtype), tf.cast(dw2, w2.dtype)

    return outputs.stack(), gradient


def _added(total, expert, value):
    return tf.tensor_scatter_nd_add(total, [[expert]], tf.cast(value, total.dtype)[tf.newaxis])


def _for_each(blocks, body, state):
    return tf.while_loop(lambda block, *_: block < blocks, body, [0, *state], parallel_iterations=1)[1:]
