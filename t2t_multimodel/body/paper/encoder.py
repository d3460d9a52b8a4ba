"""The encoder: convolutional blocks with a mixture of experts in the middle."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.rng import StepRandom
from t2t_multimodel.layers.timing import timing_signal_1d


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Encoder(ExplicitMaskLayer):
    """Encoder of the paper, section 2.4: `num_blocks` ConvBlocks, a mixture of experts in the middle.

    Args:
        depth: channels of input and output.
        num_blocks: convolutional blocks.
        conv: further arguments of each `ConvBlock`.
        mixture: arguments of `MixtureOfExperts`, or None for no mixture.
        timing: adds the timing signal to the input, as the authors' code of 2017 does.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, true at real positions, or None.
        rng: randomness of a training step, or None.

    Returns:
        `[batch, time, depth]`, the mixture's loss (scalar) and load `[experts]` (None without a mixture).
    """

    def __init__(
        self,
        depth: int,
        num_blocks: int = 6,
        *,
        conv: dict[str, Any] | None = None,
        mixture: dict[str, Any] | None = None,
        timing: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_blocks, self.timing = depth, num_blocks, timing
        self.conv, self.mixture = dict(conv or {}), mixture
        self.stack = MixedStack(
            [
                ConvBlock(depth, padding="same", dtype=self.dtype_policy, name=f"conv_block_{i}", **self.conv)
                for i in range(num_blocks)
            ],
            mixture,
            dtype=self.dtype_policy,
            name="stack",
        )

    def build(self, input_shape):
        self.stack.build((None, None, self.depth))
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, rng: StepRandom | None = None):
        if self.timing:
            x = x + tf.cast(timing_signal_1d(tf.shape(x)[1], self.depth), x.dtype)
        return self.stack(x, mask=mask, rng=rng)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_blocks": self.num_blocks,
            "conv": self.conv,
            "mixture": self.mixture,
            "timing": self.timing,
        }
