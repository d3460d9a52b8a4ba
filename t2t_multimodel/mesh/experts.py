"""The experts of a model's mixtures over a mesh."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.kernels.precision import as_factor
from t2t_multimodel.mesh.dispatch import Dispatch
from t2t_multimodel.mesh.feed_forward import mesh_feed_forward
from t2t_multimodel.mesh.layout import MeshLayout, check_mesh_shape, find_devices
from t2t_multimodel.mesh.sharded import ShardedVariable

_in_scope: contextvars.ContextVar[ExpertMesh | None] = contextvars.ContextVar("mesh", default=None)


def mesh_in_scope() -> ExpertMesh | None:
    """The mesh whose scope this is, or None."""
    return _in_scope.get()


class ExpertMesh:
    """Makes and uses the experts of mixtures on the devices of a mesh.

    Args:
        layout: the mesh.

    Attributes:
        variables: those that were made, by their paths.

    Example:

        from t2t_multimodel.layers.mixture import MixtureOfExperts

        with ExpertMesh(MeshLayout(1, 2, ("CPU:0", "CPU:0"))).scope():
            mixture = MixtureOfExperts(num_experts=4, hidden=16, k=2)
            mixture.build((None, None, 8))
        y, loss, load = tf.function(mixture)(tf.random.normal([2, 5, 8]))
    """

    def __init__(self, layout: MeshLayout):
        self.layout = layout
        self.variables: dict[str, ShardedVariable] = {}

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The block in which models are built whose experts live on this mesh."""
        token = _in_scope.set(self)
        try:
            yield
        finally:
            _in_scope.reset(token)

    def add_weight(
        self, layer: keras.layers.Layer, name: str, shape: tuple[int, ...], initializer: Callable[..., Any]
    ) -> ShardedVariable:
        """A layer's weight `[experts, ...]`, divided over the devices, with the values that one device would draw."""

        @functools.cache
        def whole():
            with tf.device("CPU:0"):
                return initializer(shape, dtype="float32")

        def share(rows: slice) -> tf.Tensor:
            with tf.device("CPU:0"):
                return whole()[rows]

        shards = []
        for number, device in enumerate(self.layout.devices):
            rows = self.layout.share(number, shape[0])
            with tf.device(device):
                shard = layer.add_weight(
                    name=name,
                    shape=(rows.stop - rows.start, *shape[1:]),
                    initializer=lambda _, dtype, rows=rows: tf.cast(share(rows), dtype),
                )
            shards.append(shard)
        weight = ShardedVariable(self.layout, shards)
        self.variables[weight.path] = weight
        return weight

    def feed_forward(
        self,
        x: tf.Tensor,
        gates: tf.Tensor,
        indices: tf.Tensor,
        w1: ShardedVariable,
        w2: ShardedVariable,
        *,
        capacity_factor: float | None = None,
        mask: tf.Tensor | None = None,
        step: bool = False,
    ) -> tf.Tensor:
        """As `kernels.experts.expert_feed_forward`, with weights of `add_weight`.

        Args:
            x: tokens, `[tokens, depth]`.
            gates: float32 `[tokens, k]`.
            indices: chosen experts, int32 `[tokens, k]`.
            w1: `[experts, depth, hidden]`.
            w2: `[experts, hidden, depth]`.
            capacity_factor, mask: of `mesh_feed_forward`.
            step: makes no difference.
        """
        del step
        factors = [self._factors(weight) for weight in (w1, w2)]
        tokens = as_factor(x)
        y = mesh_feed_forward(self.layout, tokens, gates, indices, *factors, capacity_factor=capacity_factor, mask=mask)
        return tf.cast(y, x.dtype)

    def count_slots(
        self,
        x: tf.Tensor,
        indices: tf.Tensor,
        num_experts: int,
        capacity_factor: float,
        mask: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `kernels.experts.count_slots`: how many slots (token, choice) there are, and how many are dropped here.

        Args:
            x: makes no difference.
            indices: chosen experts, int32 `[tokens, k]`.
            num_experts: number of experts.
            capacity_factor, mask: of `mesh_feed_forward`.
        """
        del x
        dispatch = Dispatch(self.layout, indices, num_experts, mask, capacity_factor)
        return dispatch.slots, dispatch.dropped

    def _factors(self, weight: ShardedVariable) -> list[tf.Tensor]:
        factors = []
        for device, shard in zip(self.layout.devices, weight.shards):
            with tf.device(device):
                factors.append(as_factor(shard.read_value()))
        return factors


def make_mesh(strategy: str, mesh_shape: str, hparams: HParams) -> ExpertMesh | None:
    """The mesh that a training asks for, on the devices of this process; None unless its strategy is "mesh".

    Args:
        strategy: its name.
        mesh_shape: such as ``batch:2;experts:4``.
        hparams: of the model.

    Raises:
        MultiModelError: shape, hparams and devices do not fit together.
    """
    if strategy != "mesh":
        if mesh_shape:
            raise MultiModelError(f"mesh_shape {mesh_shape!r} is of strategy mesh; give --strategy=mesh as well")
        return None
    batch, experts = check_mesh_shape(mesh_shape, hparams)
    return ExpertMesh(MeshLayout(batch, experts, find_devices(batch * experts)))
