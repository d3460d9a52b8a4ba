"""The tokens of each device of a mesh, sorted into one block for each expert, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from t2t_multimodel.kernels.routing import Ranks, send, slot_ranks
from t2t_multimodel.mesh.layout import MeshLayout


class Dispatch:
    """Which token of which device goes to which row of its blocks `[experts, capacity, depth]`.

    Args:
        layout: the mesh; each device takes an equal share of the tokens.
        indices: chosen experts, int32 `[tokens, k]`.
        num_experts: number of experts.
        mask: bool `[tokens]` or None; the others go nowhere.
        capacity_factor: None gives each expert the room that the busiest one needs for a device's tokens; a number
            gives it `capacity_factor * tokens * k / experts` of a device's tokens.

    Attributes:
        capacity: slots (token, choice) of a device that each expert takes, int32 scalar.
        slots, dropped: how many there are, and how many of them found no room, float32 scalars.

    Example:

        layout = MeshLayout(1, 2, ("CPU:0", "CPU:0"))
        dispatch = Dispatch(layout, tf.constant([[0], [1], [1], [1]]), num_experts=2)
        first, second = dispatch.to_blocks(dispatch.split(tf.ones([4, 8])))  # [2, 2, 8] each: the busiest takes two
    """

    def __init__(
        self,
        layout: MeshLayout,
        indices: tf.Tensor,
        num_experts: int,
        mask: tf.Tensor | None = None,
        capacity_factor: float | None = None,
    ):
        self._devices, self._num_experts, self._k = layout.devices, num_experts, indices.shape[1]
        self._tokens = tf.shape(indices)[0]
        ranks = self.each(lambda i, m: slot_ranks(i, num_experts, m), self.split(indices), self.split(mask))
        counts = tf.stack([rank.counts for rank in ranks])  # [devices, experts]
        if capacity_factor is None:
            room = tf.reduce_max(counts)
        else:
            share = tf.cast(-(-self._tokens // len(self._devices)), tf.float32)
            room = tf.cast(tf.math.ceil(share * (capacity_factor * self._k / num_experts)), tf.int32)
        self.capacity = tf.maximum(room, 1)
        self.slots = tf.cast(tf.reduce_sum(counts), tf.float32)
        self.dropped = tf.cast(tf.reduce_sum(tf.maximum(counts - self.capacity, 0)), tf.float32)
        self._rows = num_experts * self.capacity
        self._places = self.each(self._places_of, ranks)

    def _places_of(self, ranks: Ranks) -> tf.Tensor:
        """The row of each slot among those of all blocks; slots without room have the one after the last."""
        fits = (ranks.expert < self._num_experts) & (ranks.rank < self.capacity)
        return tf.where(fits, ranks.expert * self.capacity + ranks.rank, self._rows)

    def split(self, value: tf.Tensor | None) -> list[tf.Tensor | None]:
        """Each device's share of a value of all tokens, `[tokens, ...]`."""
        size = -(-self._tokens // len(self._devices))
        begins = [number * size for number in range(len(self._devices))]
        return [value if value is None else value[begin : begin + size] for begin in begins]

    def each(self, function: Callable, *values: Sequence) -> list:
        """What a function of each device's values gives, computed there."""
        results = []
        for device, *mine in zip(self._devices, *values, strict=True):
            with tf.device(device):
                results.append(function(*mine))
        return results

    def to_blocks(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Blocks `[experts, capacity, depth]` of each device's tokens `[its tokens, depth]`, or of its slots.

        Args:
            values: of each device; slots are `[its tokens, k, depth]`.
        """

        def blocks_of(values, places):
            depth, k = values.shape[-1], self._k if values.shape.rank == 2 else 1
            sent = send(tf.reshape(values, [-1, depth]), places, k, self._rows)
            return tf.reshape(sent, [self._num_experts, self.capacity, depth])

        return self.each(blocks_of, values, self._places)

    def from_blocks(self, blocks: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The slots `[its tokens, k, depth]` of each device; zero for those that found no room."""

        def slots_of(blocks, places):
            rows = tf.reshape(blocks, [-1, blocks.shape[-1]])
            slots = tf.gather(tf.pad(rows, [[0, 1], [0, 0]]), places)
            return tf.reshape(slots, [-1, self._k, blocks.shape[-1]])

        return self.each(slots_of, blocks, self._places)
