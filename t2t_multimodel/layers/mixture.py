"""Mixture of experts: every real token goes through the experts that its gate chose, and none is dropped."""

from __future__ import annotations

import functools
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel import observe
from t2t_multimodel.kernels.choose import is_compiled_by_xla
from t2t_multimodel.kernels.experts import count_slots, expert_feed_forward
from t2t_multimodel.kernels.precision import as_kernel, product_dtype
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.gating import NoisyTopKGate, cv_squared
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.replicas import sum_over_replicas
from t2t_multimodel.layers.seeds import Seed
from t2t_multimodel.mesh.experts import mesh_in_scope

Cache = dict[str, Any]


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MixtureOfExperts(ExplicitMaskLayer):
    """`LayerNorm(x + mixture(x))` with a noisy top-k gate and ReLU feed-forward experts without biases.

    Padding is removed before the gate: it reaches no expert and counts in no loss, and the mixture's share of the
    output is zero there. Built within the scope of an `ExpertMesh`, its experts are divided over several devices.

    The sum of the gates of each expert is shown as ``importance`` `[experts]` (`observe`).

    Args:
        num_experts: number of experts.
        hidden: width of an expert's hidden layer.
        k: experts a token.
        loss_coefficient: weight of CV^2(importance) + CV^2(load) in the balance loss.
        residual_norm: False returns the mixture alone, without residual connection and normalization.
        capacity_factor: None drops nothing. A number gives every expert room for `capacity_factor * tokens * k /
            num_experts` tokens, padding included, and drops the others: static shapes for XLA and TPUs. How many
            slots (token, choice) there are and how many are dropped is shown as ``slots`` and ``dropped_slots``
            (`observe`).

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None.
        training: turns the gate's noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None. The layer keeps nothing between positions; with a cache it routes exactly,
            whatever the capacity factor.

    Returns:
        y `[batch, time, depth]`; the balance loss, a float32 scalar (in inference too, from the plain counts); load:
        tokens per expert, float32 `[num_experts]` (smooth estimate in training); with a cache also the next cache.
        Under `tf.distribute` the balance loss is that of the whole batch: importance and load are summed over the
        replicas first. The load that is returned is the replica's.

    Example:

        mixture = MixtureOfExperts(num_experts=6, hidden=16, k=2)
        y, loss, load = mixture(tf.random.normal([2, 10, 8]), mask=tf.sequence_mask([10, 4]), training=True)

    Reference: Shazeer et al., "Outrageously Large Neural Networks", 2017; the residual form is Tensor2Tensor's.
    """

    def __init__(
        self,
        num_experts: int,
        hidden: int,
        k: int = 4,
        loss_coefficient: float = 1e-2,
        residual_norm: bool = True,
        capacity_factor: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_experts = num_experts
        self.hidden = hidden
        self.k = k
        self.loss_coefficient = loss_coefficient
        self.residual_norm = residual_norm
        self.capacity_factor = capacity_factor
        self.gate = NoisyTopKGate(num_experts, k, name="gate")
        self.norm = LayerNorm(dtype=self.dtype_policy, name="norm") if residual_norm else None

    def build(self, x_shape):
        """Creates `expert_in` `[experts, depth, hidden]` and `expert_out` `[experts, hidden, depth]`."""
        depth, self.mesh = x_shape[-1], mesh_in_scope()
        self.gate.build((None, depth))
        if self.norm is not None:
            self.norm.build(x_shape)
        add = self.add_weight if self.mesh is None else functools.partial(self.mesh.add_weight, self)
        # Glorot's rule for one expert: Keras would count the experts as receptive field.
        limit = (6.0 / (depth + self.hidden)) ** 0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.expert_in = add(name="expert_in", shape=(self.num_experts, depth, self.hidden), initializer=uniform)
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.expert_out = add(name="expert_out", shape=(self.num_experts, self.hidden, depth), initializer=uniform)
        self.built = True

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """Empty."""
        return {}

    def call(
        self,
        x: tf.Tensor,
        mask: tf.Tensor | None = None,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        tokens = tf.reshape(x, [-1, x.shape[-1]])
        mask = None if mask is None else tf.reshape(tf.cast(mask, tf.bool), [-1])
        random = {"training": training, "seed": seed}
        if cache is None and (self.capacity_factor is not None or is_compiled_by_xla()):
            routed = self._route(tokens, mask, random, capacity_factor=self.capacity_factor)
        else:
            routed = self._exact(tokens, mask, random, step=cache is not None)
        mixed, load, importance = routed
        balance = cv_squared(sum_over_replicas(importance)) + cv_squared(sum_over_replicas(load))
        mixed = tf.reshape(mixed, tf.shape(x))
        mixed.set_shape(x.shape)
        y = self.norm(x + mixed) if self.norm is not None else mixed
        results = y, self.loss_coefficient * balance, load
        return results if cache is None else (*results, cache)

    def _exact(self, tokens, mask, random, step):
        if mask is None:
            return self._route(tokens, None, random, step=step)
        rows = tf.cast(tf.where(mask), tf.int32)  # [real, 1]
        mixed, load, importance = self._route(_take(tokens, rows), None, random, step=step)
        return tf.scatter_nd(rows, mixed, tf.shape(tokens)), load, importance

    def _route(self, tokens, mask, random, **how):
        gates, indices, load, importance = self.gate(tokens, mask=mask, **random)
        observe.show(self.path, "importance", importance)
        if how.get("capacity_factor") is not None:
            count = count_slots if self.mesh is None else self.mesh.count_slots
            slots, dropped = count(tokens, indices, self.num_experts, how["capacity_factor"], mask)
            observe.show(self.path, "slots", slots)
            observe.show(self.path, "dropped_slots", dropped)
        if self.mesh is not None:
            mixed = self.mesh.feed_forward(tokens, gates, indices, self.expert_in, self.expert_out, mask=mask, **how)
        else:
            w1, w2 = (as_kernel(kernel, product_dtype(tokens.dtype)) for kernel in (self.expert_in, self.expert_out))
            mixed = expert_feed_forward(tokens, gates, indices, w1, w2, mask=mask, **how)
        return mixed, load, importance

    def compute_output_shape(self, x_shape, cache_shape=None):
        """Shapes of the three results; with a cache also its shape."""
        shapes = x_shape, (), (self.num_experts,)
        return shapes if cache_shape is None else (*shapes, cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "hidden": self.hidden,
            "k": self.k,
            "loss_coefficient": self.loss_coefficient,
            "residual_norm": self.residual_norm,
            "capacity_factor": self.capacity_factor,
        }


@tf.custom_gradient
def _take(tokens, rows):
    """Tokens `[real, depth]` at distinct rows `[real, 1]`; as they are distinct, the gradient is a plain scatter."""

    def gradient(dy):
        return tf.scatter_nd(rows, dy, tf.shape(tokens)), None

    return tf.gather(tokens, rows[:, 0]), gradient
