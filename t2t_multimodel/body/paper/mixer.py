"""The mixer: joins the encoded input with the shifted targets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.rng import StepRandom


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Mixer(keras.layers.Layer):
    """Input-output mixer of the paper, section 2.4: an attention block and `num_blocks` causal ConvBlocks.

    Args:
        depth: channels.
        num_heads: attention heads.
        num_blocks: convolutional blocks after the attention block.
        conv: further arguments of each `ConvBlock`.
        attention: further arguments of the `AttentionBlock`.

    Call arguments:
        target: shifted targets, `[batch, target_time, depth]`.
        source: encoded input, `[batch, source_time, depth]`.
        source_mask: `[batch, source_time]` or None.
        rng: randomness of a training step, or None.

    Returns:
        `[batch, target_time, depth]`.
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        num_blocks: int = 2,
        *,
        conv: dict[str, Any] | None = None,
        attention: dict[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_heads, self.num_blocks = depth, num_heads, num_blocks
        self.conv, self.attention = dict(conv or {}), dict(attention or {})
        self.attention_block = AttentionBlock(
            depth, num_heads, conv=self.conv, dtype=self.dtype_policy, name="attention_block", **self.attention
        )
        self.blocks = [
            ConvBlock(depth, padding="causal", dtype=self.dtype_policy, name=f"conv_block_{i}", **self.conv)
            for i in range(num_blocks)
        ]

    def build(self, target_shape, source_shape=None):
        for layer in (self.attention_block, *self.blocks):
            layer.build((None, None, self.depth))
        self.built = True

    def call(
        self,
        target: tf.Tensor,
        source: tf.Tensor,
        source_mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
    ) -> tf.Tensor:
        x = self.attention_block(target, source, source_mask=source_mask, rng=rng)
        for block in self.blocks:
            x = block(x, rng=rng)
        return x

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
        }
