"""The encoder: convolutional blocks with a mixture of experts in the middle."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed
from t2t_multimodel.layers.timing import TimingSignal


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
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.

    Returns:
        `[batch, time, depth]`, the mixture's balance loss (scalar) and load `[experts]` (`[0]` without a mixture).

    Example:

        encoder = Encoder(depth=8, num_blocks=2, mixture={"num_experts": 4, "hidden": 16, "k": 2})
        y, loss, load = encoder(tf.random.normal([2, 5, 8]), mask=tf.sequence_mask([5, 3]))

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.4.
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
        policy = {"dtype": self.dtype_policy}
        self.timing_signal = TimingSignal(name="timing", **policy) if timing else None
        blocks = [
            ConvBlock(depth, padding="same", name=f"conv_block_{i}", **policy, **self.conv) for i in range(num_blocks)
        ]
        self.stack = MixedStack(blocks, mixture, name="stack", **policy)

    def build(self, x_shape):
        """Builds the stack."""
        if self.timing_signal is not None:
            self.timing_signal.build(x_shape)
        self.stack.build((None, None, self.depth))
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool = False, seed: Seed = None):
        if self.timing_signal is not None:
            x = self.timing_signal(x)
        return self.stack(x, mask=mask, training=training, seed=seed)

    def compute_output_shape(self, x_shape):
        """Shapes of the three results."""
        return self.stack.compute_output_shape(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_blocks": self.num_blocks,
            "conv": self.conv,
            "mixture": self.mixture,
            "timing": self.timing,
        }
