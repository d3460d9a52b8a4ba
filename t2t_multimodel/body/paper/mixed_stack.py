"""A stack of blocks with a mixture of experts in its middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.layers.rng import StepRandom


class MixedStack(ExplicitMaskLayer):
    """Runs `blocks` in order and a mixture of experts after the first half of them.

    Args:
        blocks: layers `[batch, time, depth] -> [batch, time, depth]`.
        mixture: arguments of `MixtureOfExperts`, or None for no mixture.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, true at real positions, or None; padding reaches no expert.
        rng: randomness of a training step, or None.
        apply: how a block is called, `apply(block, x)`; `block(x, mask=mask, rng=rng)` unless given.

    Returns:
        `[batch, time, depth]`, the mixture's loss (scalar) and load `[experts]` (None without a mixture).
    """

    def __init__(self, blocks: list[keras.layers.Layer], mixture: dict[str, Any] | None, **kwargs):
        super().__init__(**kwargs)
        self.blocks = blocks
        self.mixture = MixtureOfExperts(**mixture, dtype=self.dtype_policy, name="mixture") if mixture else None

    def build(self, input_shape):
        for block in self.blocks:
            block.build(input_shape)
        if self.mixture is not None:
            self.mixture.build(input_shape)
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
        apply: Callable[[keras.layers.Layer, tf.Tensor], tf.Tensor] | None = None,
    ):
        apply = apply or (lambda block, y: block(y, mask=mask, rng=rng))
        loss, load = tf.zeros([], tf.float32), None
        middle = len(self.blocks) // 2
        for i, block in enumerate(self.blocks):
            if i == middle and self.mixture is not None:
                x, loss, load = self.mixture(x, mask=mask, rng=rng)
            x = apply(block, x)
        return x, loss, load

    def compute_output_shape(self, input_shape):
        return input_shape
