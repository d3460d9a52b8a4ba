"""The decoder: causal blocks of convolution and attention with a mixture of experts in the middle."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.rng import StepRandom


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class DecoderBlock(keras.layers.Layer):
    """One causal ConvBlock and one `AttentionBlock`; arguments and shapes as in `Decoder`."""

    def __init__(
        self,
        depth: int,
        num_heads: int,
        *,
        conv: dict[str, Any] | None = None,
        attention: dict[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_heads = depth, num_heads
        self.conv, self.attention = dict(conv or {}), dict(attention or {})
        self.conv_block = ConvBlock(depth, padding="causal", dtype=self.dtype_policy, name="conv_block", **self.conv)
        self.attention_block = AttentionBlock(
            depth, num_heads, conv=self.conv, dtype=self.dtype_policy, name="attention_block", **self.attention
        )

    def build(self, target_shape, source_shape=None):
        self.conv_block.build((None, None, self.depth))
        self.attention_block.build((None, None, self.depth))
        self.built = True

    def call(
        self,
        target: tf.Tensor,
        source: tf.Tensor,
        source_mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
    ) -> tf.Tensor:
        x = self.conv_block(target, rng=rng)
        return self.attention_block(x, source, source_mask=source_mask, rng=rng)

    def compute_output_shape(self, target_shape, source_shape=None):
        return target_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "conv": self.conv,
            "attention": self.attention,
        }


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Decoder(keras.layers.Layer):
    """Decoder of the paper, section 2.4: `num_blocks` of convolution and attention, a mixture in the middle.

    Args:
        depth: channels.
        num_heads: attention heads.
        num_blocks: blocks.
        conv: further arguments of each `ConvBlock`.
        attention: further arguments of each `AttentionBlock`.
        mixture: arguments of `MixtureOfExperts`, or None for no mixture.

    Call arguments:
        target: the mixer's output, `[batch, target_time, depth]`.
        source: encoded input, `[batch, source_time, depth]`.
        target_mask: `[batch, target_time]`, or None; padding reaches no expert.
        source_mask: `[batch, source_time]`, or None.
        rng: randomness of a training step, or None.

    Returns:
        `[batch, target_time, depth]`, the mixture's loss (scalar) and load `[experts]` (None without a mixture).
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        num_blocks: int = 4,
        *,
        conv: dict[str, Any] | None = None,
        attention: dict[str, Any] | None = None,
        mixture: dict[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_heads, self.num_blocks = depth, num_heads, num_blocks
        self.conv, self.attention, self.mixture = dict(conv or {}), dict(attention or {}), mixture
        self.stack = MixedStack(
            [
                DecoderBlock(
                    depth,
                    num_heads,
                    conv=self.conv,
                    attention=self.attention,
                    dtype=self.dtype_policy,
                    name=f"block_{i}",
                )
                for i in range(num_blocks)
            ],
            mixture,
            dtype=self.dtype_policy,
            name="stack",
        )

    def build(self, target_shape, source_shape=None):
        self.stack.build((None, None, self.depth))
        self.built = True

    def call(
        self,
        target: tf.Tensor,
        source: tf.Tensor,
        target_mask: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
    ):
        def apply(block, x):
            return block(x, source, source_mask=source_mask, rng=rng)

        return self.stack(target, mask=target_mask, rng=rng, apply=apply)

    def compute_output_shape(self, target_shape, source_shape=None):
        return target_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_blocks": self.num_blocks,
            "conv": self.conv,
            "attention": self.attention,
            "mixture": self.mixture,
        }
