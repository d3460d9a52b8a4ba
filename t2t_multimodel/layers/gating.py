"""Noisy top-k gating of a mixture of experts."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.noise import normal_noise
from t2t_multimodel.kernels.products import small_softmax
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed, draw

_MIN_NOISE = 0.01


def cv_squared(x: tf.Tensor) -> tf.Tensor:
    """Squared coefficient of variation, population variance / (mean^2 + 1e-10), of a vector `[experts]`.

    It is small where the values are even; a loss on it spreads the tokens over the experts. 0 for a single value.

    Example:

        cv_squared(tf.constant([3.0, 1.0]))  # variance 1 over mean 2 squared: 0.25

    Reference: Shazeer et al., "Outrageously Large Neural Networks", 2017, section 4.
    """
    x = tf.cast(x, tf.float32)
    if x.shape[0] == 1:
        return tf.zeros([])
    mean = tf.reduce_mean(x)
    return tf.reduce_mean(tf.square(x - mean)) / (tf.square(mean) + 1e-10)


def prob_in_top_k(
    clean: tf.Tensor, noisy: tf.Tensor, noise_stddev: tf.Tensor, noisy_top_values: tf.Tensor, k: int
) -> tf.Tensor:
    """Probability that an expert is among the best k if its own noise were drawn again.

    Args:
        clean: logits without noise, `[tokens, experts]`.
        noisy: logits with noise, `[tokens, experts]`.
        noise_stddev: standard deviation of the noise, `[tokens, experts]`.
        noisy_top_values: the k + 1 largest of `noisy`, in descending order, `[tokens, k + 1]`.
        k: number of experts chosen.

    Returns:
        `[tokens, experts]`, smooth in `clean` and `noise_stddev`.

    Example:

        clean, noisy = tf.constant([[1.0, 0.0]]), tf.constant([[1.2, 0.1]])
        chance = prob_in_top_k(clean, noisy, tf.ones([1, 2]), noisy, k=1)  # [1, 2]

    Reference: Shazeer et al., "Outrageously Large Neural Networks", 2017, appendix A.
    """
    # An expert among the best k must beat the (k+1)-th value, another one must beat the k-th.
    if_inside = noisy_top_values[:, k : k + 1]
    if_outside = noisy_top_values[:, k - 1 : k]
    threshold = tf.where(noisy > if_inside, if_inside, if_outside)
    return 0.5 * tf.math.erfc((threshold - clean) / noise_stddev * 0.5**0.5)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class NoisyTopKGate(ExplicitMaskLayer):
    """Chooses k experts a token by noisy logits; their softmax are the gates. Always float32.

    In training, N(0, 1) * (softplus(x W_noise) + 0.01) is added to the logits x W_gate.

    Args:
        num_experts: number of experts to choose from.
        k: experts a token.
        initializer: of both matrices; zeros, so that training starts with a random even choice.

    Call arguments:
        x: `[tokens, depth]`.
        mask: `[tokens]`, True or 1 where real, or None. The others have gates as well, but neither load nor
            importance counts them.
        training: turns the noise on. Without it the lowest index wins a tie.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.

    Returns:
        top_gates float32 `[tokens, k]`, descending, of sum 1; top_indices int32 `[tokens, k]`; load float32
        `[experts]`: tokens per expert, in training the smooth estimate of `prob_in_top_k`; importance float32
        `[experts]`: sum of gates per expert.

    Example:

        gates, indices, load, importance = NoisyTopKGate(num_experts=6, k=2)(tf.random.normal([10, 8]), training=True)

    Reference: Shazeer et al., "Outrageously Large Neural Networks", 2017.
    """

    def __init__(self, num_experts: int, k: int, initializer="zeros", **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not 1 <= k <= num_experts:
            raise ValueError(f"cannot choose {k} of {num_experts} experts; k must be between 1 and the number")
        self.num_experts = num_experts
        self.k = k
        self.initializer = keras.initializers.get(initializer)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, x_shape):
        """Creates `gate_kernel` and `noise_kernel`, both `[depth, num_experts]`."""
        shape = (x_shape[-1], self.num_experts)
        self.gate_kernel = self.add_weight(name="gate_kernel", shape=shape, initializer=self.initializer)
        self.noise_kernel = self.add_weight(name="noise_kernel", shape=shape, initializer=self.initializer)
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool = False, seed: Seed = None):
        clean = tf.matmul(x, tf.convert_to_tensor(self.gate_kernel))  # [tokens, experts]
        logits, stddev = clean, None
        if training:
            stddev = tf.nn.softplus(tf.matmul(x, tf.convert_to_tensor(self.noise_kernel))) + _MIN_NOISE
            logits = clean + stddev * self._noise(tf.shape(clean), mask, seed)
        top_values, top_indices = tf.math.top_k(logits, min(self.k + 1, self.num_experts))
        gates = (tf.nn.softmax if training else small_softmax)(top_values[:, : self.k])
        indices = top_indices[:, : self.k]
        weights = tf.ones(tf.shape(x)[:1]) if mask is None else tf.cast(mask, tf.float32)
        importance = self._sum_by_expert(gates * weights[:, tf.newaxis], indices)
        if training and self.k < self.num_experts:
            chance = prob_in_top_k(clean, logits, stddev, top_values, self.k)
            load = tf.linalg.matvec(chance, weights, transpose_a=True)
        else:
            counted = tf.cast(gates > 0, tf.float32) * weights[:, tf.newaxis]
            load = self._sum_by_expert(counted, indices)
        return gates, indices, load, importance

    def _noise(self, shape, mask, seed):
        """N(0, 1) for each token; that of a valid one does not depend on the padding before it."""
        noise = normal_noise(shape, draw(seed, self.seed_generator))
        if mask is None:
            return noise
        number = tf.cumsum(tf.cast(mask, tf.int32)) - 1  # of each valid token among them
        return tf.gather(noise, tf.maximum(number, 0))

    def _sum_by_expert(self, values, indices):
        return tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), tf.reshape(indices, [-1]), self.num_experts)

    def compute_output_shape(self, x_shape):
        """Shapes of the four results."""
        chosen = (x_shape[0], self.k)
        return chosen, chosen, (self.num_experts,), (self.num_experts,)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "k": self.k,
            "initializer": keras.initializers.serialize(self.initializer),
        }
