"""The attention block: a timed, convolved, self-attended target attends to a source."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.rng import StepRandom
from t2t_multimodel.layers.timing import timing_signal_1d


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class AttentionBlock(keras.layers.Layer):
    """Attention block of the paper, section 2.3: causal in the target.

    The target gets the timing signal added and is mixed by convolutional blocks; `s = LN(t + SelfAttention(t))`
    and `out = LN(s + Attention(s, source))`. The paper draws no normalisation here; it follows the form of its
    mixture, `LN(x + f(x))`.

    Args:
        depth: channels of target and output.
        num_heads: attention heads.
        conv_blocks: number of convolutional blocks before the self-attention.
        conv: further arguments of each `ConvBlock`.
        attention_dropout: dropout of attention weights.

    Call arguments:
        target: `[batch, target_time, depth]`.
        source: `[batch, source_time, depth]`.
        source_mask: `[batch, source_time]`, true at real positions, or None.
        rng: randomness of a training step, or None.

    Returns:
        `[batch, target_time, depth]`.
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        *,
        conv_blocks: int = 2,
        conv: dict[str, Any] | None = None,
        attention_dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_heads, self.conv_blocks = depth, num_heads, conv_blocks
        self.conv, self.attention_dropout = dict(conv or {}), attention_dropout
        self.blocks = [
            ConvBlock(depth, padding="causal", dtype=self.dtype_policy, name=f"conv_block_{i}", **self.conv)
            for i in range(conv_blocks)
        ]
        self.self_attention = MultiHeadAttention(
            num_heads, depth, dropout=attention_dropout, dtype=self.dtype_policy, name="self_attention"
        )
        self.self_norm = LayerNorm(dtype=self.dtype_policy, name="self_norm")
        self.source_attention = MultiHeadAttention(
            num_heads, depth, dropout=attention_dropout, dtype=self.dtype_policy, name="source_attention"
        )
        self.source_norm = LayerNorm(dtype=self.dtype_policy, name="source_norm")

    def build(self, target_shape, source_shape=None):
        for layer in (*self.blocks, self.self_attention, self.self_norm, self.source_norm):
            layer.build((None, None, self.depth))
        self.source_attention.build((None, None, self.depth), (None, None, self.depth))
        self.built = True

    def call(
        self,
        target: tf.Tensor,
        source: tf.Tensor,
        source_mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
    ) -> tf.Tensor:
        x = target + tf.cast(timing_signal_1d(tf.shape(target)[1], self.depth), target.dtype)
        for block in self.blocks:
            x = block(x, rng=rng)
        x = self.self_norm(x + self.self_attention(x, causal=True, rng=rng))
        return self.source_norm(x + self.source_attention(x, memory=source, memory_mask=source_mask, rng=rng))

    def compute_output_shape(self, target_shape, source_shape=None):
        return target_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "conv_blocks": self.conv_blocks,
            "conv": self.conv,
            "attention_dropout": self.attention_dropout,
        }
