"""The pre-normalised block of the faster body."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_feed_forward import ConvFeedForward
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.layers.rng import StepRandom


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusBlock(ExplicitMaskLayer):
    """`x + f(LN(x))` for self-attention, then attention to a source if there is one, then feed-forward.

    The paper's parts in the order and with the normalisation that learn faster: its convolution is the depthwise one
    in front of the feed-forward layer; one block of a stack has a mixture of experts in the latter's place.

    Args:
        depth: channels.
        num_heads: attention heads.
        hidden: width of the feed-forward layer.
        kernel_size: taps of its convolution.
        causal: position t sees positions <= t only.
        attends_source: has an attention to a source.
        mixture: arguments of `MixtureOfExperts`, which then takes the place of the feed-forward layer.
        dropout: of each branch's output.
        attention_dropout: of attention weights.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, true at real positions, or None.
        source: `[batch, source_time, depth]`, with `attends_source`.
        source_mask: `[batch, source_time]`, or None.
        rng: randomness of a training step, or None.

    Returns:
        `[batch, time, depth]`, the mixture's loss (scalar) and load `[experts]` (None without a mixture).
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        hidden: int,
        kernel_size: int = 5,
        *,
        causal: bool = False,
        attends_source: bool = False,
        mixture: dict[str, Any] | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "depth": depth,
            "num_heads": num_heads,
            "hidden": hidden,
            "kernel_size": kernel_size,
            "causal": causal,
            "attends_source": attends_source,
            "mixture": mixture,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
        }
        self.depth, self.causal, self.attends_source = depth, causal, attends_source
        policy = {"dtype": self.dtype_policy}
        attention = {"dropout": attention_dropout, **policy}
        self.self_norm = LayerNorm(name="self_norm", **policy)
        self.self_attention = MultiHeadAttention(num_heads, depth, name="self_attention", **attention)
        if attends_source:
            self.source_norm = LayerNorm(name="source_norm", **policy)
            self.source_attention = MultiHeadAttention(num_heads, depth, name="source_attention", **attention)
        self.norm = LayerNorm(name="norm", **policy)
        self.mixture = self.feed_forward = None
        if mixture:
            self.mixture = MixtureOfExperts(**mixture, residual_norm=False, name="mixture", **policy)
        else:
            padding = "causal" if causal else "same"
            self.feed_forward = ConvFeedForward(depth, hidden, kernel_size, padding, name="feed_forward", **policy)
        self.drop = Dropout(dropout, name="drop", **policy)

    def build(self, input_shape):
        """Builds all parts."""
        shape = (None, None, self.depth)
        parts = [self.self_norm, self.self_attention, self.norm, self.mixture or self.feed_forward]
        for layer in parts:
            layer.build(shape)
        if self.attends_source:
            self.source_norm.build(shape)
            self.source_attention.build(shape, shape)
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        mask: tf.Tensor | None = None,
        source: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        rng: StepRandom | None = None,
    ):
        # What is causal never sees the padding behind it.
        own_mask = None if self.causal else mask
        y = self.self_attention(self.self_norm(x), memory_mask=own_mask, causal=self.causal, rng=rng)
        x = x + self.drop(y, rng=rng)
        if self.attends_source:
            y = self.source_attention(self.source_norm(x), memory=source, memory_mask=source_mask, rng=rng)
            x = x + self.drop(y, rng=rng)
        loss, load = tf.zeros([], tf.float32), None
        if self.mixture is not None:
            y, loss, load = self.mixture(self.norm(x), mask=mask, rng=rng)
        else:
            y = self.feed_forward(self.norm(x), mask=own_mask)
        return x + self.drop(y, rng=rng), loss, load

    def compute_output_shape(self, input_shape):
        """Shapes of the three results."""
        mixture = self._config["mixture"]
        return input_shape, (), (mixture["num_experts"],) if mixture else None

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._config}
