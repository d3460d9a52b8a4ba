"""Mixture of experts: every real token goes through the experts its gate chose, and none is dropped."""

from __future__ import annotations

import keras
import tensorflow as tf

from t2t_multimodel.kernels.experts import capped_feed_forward, expert_feed_forward
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.gating import NoisyTopKGate, cv_squared
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.rng import StepRandom


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MixtureOfExperts(ExplicitMaskLayer):
    """`LayerNorm(x + mixture(x))` with a noisy top-k gate and ReLU feed-forward experts without biases.

    Padding is removed before the gate: it reaches no expert and counts in no loss, and the mixture's share of the
    output is zero there.

    Args:
        num_experts: number of experts.
        hidden: width of an expert's hidden layer.
        k: experts a token.
        loss_coefficient: weight of CV^2(importance) + CV^2(load) in the auxiliary loss.
        residual_norm: False returns the mixture alone, without residual connection and normalisation.
        capacity_factor: None drops nothing. A number gives every expert room for `capacity_factor * tokens * k /
            num_experts` tokens, padding included, and drops the rest: static shapes for XLA and TPUs.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, True or 1 where real, or None.
        rng: `StepRandom` in training, None in inference.

    Returns of the call:
        y `[batch, time, depth]`; the auxiliary loss, a float32 scalar (in inference too, from the plain counts); load,
        tokens per expert, float32 `[num_experts]` (smooth estimate in training).

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

    def build(self, input_shape):
        """Creates `expert_in` `[experts, depth, hidden]` and `expert_out` `[experts, hidden, depth]`."""
        depth = input_shape[-1]
        self.gate.build((None, depth))
        if self.norm is not None:
            self.norm.build(input_shape)
        # Glorot's rule for one expert: Keras would count the experts as receptive field.
        limit = (6.0 / (depth + self.hidden)) ** 0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.expert_in = self.add_weight(
            name="expert_in", shape=(self.num_experts, depth, self.hidden), initializer=uniform
        )
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.expert_out = self.add_weight(
            name="expert_out", shape=(self.num_experts, self.hidden, depth), initializer=uniform
        )
        self.built = True

    def call(self, x, mask=None, rng: StepRandom | None = None):
        """Returns (y, auxiliary loss, load), see the class."""
        tokens = tf.reshape(x, [-1, x.shape[-1]])
        mask = None if mask is None else tf.reshape(tf.cast(mask, tf.bool), [-1])
        mix = self._exact if self.capacity_factor is None else self._capped
        mixed, load, importance = mix(tokens, mask, rng)
        loss = self.loss_coefficient * (cv_squared(importance) + cv_squared(load))
        mixed = tf.reshape(mixed, tf.shape(x))
        mixed.set_shape(x.shape)
        return (self.norm(x + mixed) if self.norm is not None else mixed), loss, load

    def _exact(self, tokens, mask, rng):
        if mask is None:
            return self._route(tokens, None, rng, expert_feed_forward)
        place = tf.cast(tf.where(mask), tf.int32)  # [real, 1]
        mixed, load, importance = self._route(_take(tokens, place), None, rng, expert_feed_forward)
        return tf.scatter_nd(place, mixed, tf.shape(tokens)), load, importance

    def _capped(self, tokens, mask, rng):
        def feed_forward(x, gates, indices, w1, w2):
            return capped_feed_forward(x, gates, indices, w1, w2, self.capacity_factor, mask)

        return self._route(tokens, mask, rng, feed_forward)

    def _route(self, tokens, mask, rng, feed_forward):
        gates, indices, load, importance = self.gate(tokens, mask=mask, rng=rng)
        w1, w2 = tf.convert_to_tensor(self.expert_in), tf.convert_to_tensor(self.expert_out)
        return feed_forward(tokens, gates, indices, w1, w2), load, importance

    def compute_output_shape(self, input_shape):
        """Shapes of the three results."""
        return input_shape, (), (self.num_experts,)

    def get_config(self):
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
def _take(rows, place):
    """Rows `[real, depth]` at distinct places `[real, 1]`; as they are distinct, the gradient is a plain scatter."""

    def gradient(dy):
        return tf.scatter_nd(place, dy, tf.shape(rows)), None

    return tf.gather(rows, place[:, 0]), gradient
