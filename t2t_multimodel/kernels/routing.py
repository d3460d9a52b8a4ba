"""Where each slot (token, choice) of a mixture of experts goes, and back."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.kernels.choose import is_compiled_by_xla


class Routing(NamedTuple):
    """Slots (token, choice) sorted by expert.

    Attributes:
        token: token of each sorted slot, int32 `[slots]`.
        order: unsorted slot of each sorted slot, int32 `[slots]`.
        inverse: sorted slot of each unsorted slot, int32 `[slots]`.
        offsets: first sorted slot of each expert, then the number of slots, int32 `[experts + 1]`.
    """

    token: tf.Tensor
    order: tf.Tensor
    inverse: tf.Tensor
    offsets: tf.Tensor


def route(indices: tf.Tensor, num_experts: int) -> Routing:
    """Sorts the choices `[tokens, k]` by expert; slots of one expert stay in the order of their tokens."""
    chosen = tf.reshape(indices, [-1])
    order = tf.argsort(chosen, stable=True)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(chosen), chosen, num_experts)
    offsets = tf.concat([[0], tf.cumsum(counts)], 0)
    return Routing(order // indices.shape[1], order, _inverse(order), offsets)


def _inverse(permutation: tf.Tensor) -> tf.Tensor:
    if not is_compiled_by_xla():
        return tf.math.invert_permutation(permutation)  # in XLA of constants alone
    return tf.scatter_nd(permutation[:, tf.newaxis], tf.range(tf.size(permutation)), tf.shape(permutation))


class Ranks(NamedTuple):
    """Where each slot stands among those of its expert.

    Attributes:
        expert: of each slot, int32 `[slots]`; `num_experts` where its token is masked.
        rank: of each slot within its expert, in the order of the tokens, int32 `[slots]`.
        counts: slots of each expert, int32 `[num_experts]`.
    """

    expert: tf.Tensor
    rank: tf.Tensor
    counts: tf.Tensor


def slot_ranks(indices: tf.Tensor, num_experts: int, mask: tf.Tensor | None = None) -> Ranks:
    """Ranks the slots of each expert.

    Args:
        indices: chosen experts, int32 `[tokens, k]`.
        num_experts: number of experts.
        mask: bool `[tokens]`, or None; the slots of the other tokens belong to no expert.

    Example:

        ranks = slot_ranks(tf.constant([[2, 0], [2, 1]]), 3)  # rank [0, 0, 1, 0], counts [1, 1, 2]
    """
    if mask is not None:
        indices = tf.where(tf.cast(mask, tf.bool)[:, tf.newaxis], indices, num_experts)
    routing = route(indices, num_experts + 1)
    expert = tf.reshape(indices, [-1])
    counts = (routing.offsets[1:] - routing.offsets[:-1])[:num_experts]
    return Ranks(expert, routing.inverse - tf.gather(routing.offsets, expert), counts)


def send(x: tf.Tensor, places: tf.Tensor, k: int, rows: int | tf.Tensor) -> tf.Tensor:
    """Writes each token to the places of its slots.

    Args:
        x: `[tokens, depth]`.
        places: of each slot, int32 `[tokens * k]`, distinct; `rows` where it goes nowhere.
        k: slots of a token.
        rows: number of places.

    Returns:
        `[rows, depth]`, zero where nothing was written.

    Example:

        sent = send(tf.ones([2, 4]), tf.constant([0, 4, 2, 1]), k=2, rows=4)  # [4, 4]; row 3 is zero
    """
    slots = tf.repeat(x, k, axis=0)
    return tf.scatter_nd(places[:, tf.newaxis], slots, [rows + 1, x.shape[1]])[:-1]


def receive(outputs: tf.Tensor, places: tf.Tensor, gates: tf.Tensor) -> tf.Tensor:
    """The inverse of `send`: sums what came out at the places of a token's slots, times their gates.

    Args:
        outputs: `[rows, depth]`.
        places: of each slot, int32 `[tokens * k]`; `rows` where it went nowhere, which gives zero.
        gates: `[tokens, k]`.

    Returns:
        `[tokens, depth]`, of float32 or more.

    Example:

        y = receive(tf.ones([3, 4]), tf.constant([0, 3, 2, 1]), tf.fill([2, 2], 0.5))  # rows of 0.5 and of 1
    """
    depth, k = outputs.shape[1], gates.shape[1]
    wide = tf.float32 if outputs.dtype == tf.bfloat16 else outputs.dtype  # of sums over choices
    slots = tf.cast(tf.gather(tf.pad(outputs, [[0, 1], [0, 0]]), places), wide)
    return tf.reduce_sum(tf.reshape(slots, [-1, k, depth]) * tf.cast(gates, wide)[:, :, tf.newaxis], 1)
