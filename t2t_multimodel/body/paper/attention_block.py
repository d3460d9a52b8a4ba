"""The attention block: a timed, convolved, self-attended target attends to a source."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.seeds import Seed, as_stream
from t2t_multimodel.layers.timing import TimingSignal


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class AttentionBlock(ExplicitMaskLayer):
    """Attention block of the paper, section 2.3: causal in the target.

    The target gets the timing signal added and is mixed by convolutional blocks; `s = LN(t + SelfAttention(t))`
    and `out = LN(s + Attention(s, source))`. The paper draws no normalization here; it follows the form of its
    mixture, `LN(x + f(x))`.

    Args:
        depth: channels of target, source and output.
        num_heads: attention heads.
        conv_blocks: number of convolutional blocks before the self-attention.
        conv: further arguments of each `ConvBlock`.
        attention_dropout: dropout of attention weights.
        uniform_attention: both attentions give the mean of what may be seen, an ablation.

    Call arguments:
        target: `[batch, target_time, depth]`.
        source: `[batch, source_time, depth]`; may be left out with a cache.
        mask: of the target; not used: what is causal never sees the padding behind it.
        source_mask: `[batch, source_time]`, true at real positions, or None.
        training: turns dropout on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `target` holds new positions alone.

    Returns:
        `[batch, target_time, depth]`; with a cache also the next cache.

    Example:

        block = AttentionBlock(depth=8, num_heads=2, conv_blocks=1)
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y = block(target, source)  # [2, 5, 8]
        cache = block.init_cache(batch_size=2, max_length=5, source=source)
        first, cache = block(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.3.
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        *,
        conv_blocks: int = 2,
        conv: dict[str, Any] | None = None,
        attention_dropout: float = 0.0,
        uniform_attention: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.num_heads, self.conv_blocks = depth, num_heads, conv_blocks
        self.conv, self.attention_dropout = dict(conv or {}), attention_dropout
        self.uniform_attention = uniform_attention
        policy = {"dtype": self.dtype_policy}
        attention = {"dropout": attention_dropout, "uniform": uniform_attention, **policy}
        self.timing = TimingSignal(name="timing", **policy)
        self.blocks = [
            ConvBlock(depth, padding="causal", name=f"conv_block_{i}", **policy, **self.conv)
            for i in range(conv_blocks)
        ]
        self.self_attention = MultiHeadAttention(num_heads, depth, name="self_attention", **attention)
        self.self_norm = LayerNorm(name="self_norm", **policy)
        self.source_attention = MultiHeadAttention(num_heads, depth, name="source_attention", **attention)
        self.source_norm = LayerNorm(name="source_norm", **policy)

    def build(self, target_shape, source_shape=None):
        """Builds all parts."""
        shape = (None, None, self.depth)
        for layer in (self.timing, *self.blocks, self.self_attention, self.self_norm, self.source_norm):
            layer.build(shape)
        self.source_attention.build(shape, shape)
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of the parts by their names; the layer must be built. `source` `[batch, source_time, depth]`."""
        parts = (self.timing, *self.blocks, self.self_attention)
        caches = {part.name: part.init_cache(batch_size, max_length) for part in parts}
        return {**caches, "source_attention": self.source_attention.init_cache(batch_size, source=source)}

    def call(
        self,
        target: tf.Tensor,
        source: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        run, random = CachedParts(cache), {"training": training, "seed": as_stream(seed)}
        x = run(self.timing, target)
        for block in self.blocks:
            x = run(block, x, **random)
        x = self.self_norm(x + run(self.self_attention, x, causal=True, **random))
        attended = run(self.source_attention, x, source=source, source_mask=source_mask, **random)
        return run.results(self.source_norm(x + attended))

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shape of the target; with a cache also that of the cache."""
        return with_cache((target_shape,), cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "conv_blocks": self.conv_blocks,
            "conv": self.conv,
            "attention_dropout": self.attention_dropout,
            "uniform_attention": self.uniform_attention,
        }
