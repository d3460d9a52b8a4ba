"""The mixer: joins the encoded input with the shifted targets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed, as_stream


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Mixer(ExplicitMaskLayer):
    """Input-output mixer of the paper, section 2.4: an attention block and `num_blocks` causal ConvBlocks.

    Args:
        depth: channels.
        num_heads: attention heads.
        num_blocks: convolutional blocks after the attention block.
        conv: further arguments of each `ConvBlock`.
        attention: further arguments of the `AttentionBlock`.

    Call arguments:
        target: shifted targets, `[batch, target_time, depth]`.
        source: encoded input, `[batch, source_time, depth]`; may be left out with a cache.
        mask: of the target; not used: what is causal never sees the padding behind it.
        source_mask: `[batch, source_time]`, true at real positions, or None.
        training: turns dropout on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `target` holds new positions alone.

    Returns:
        `[batch, target_time, depth]`; with a cache also the next cache.

    Example:

        mixer = Mixer(depth=8, num_heads=2, num_blocks=1)
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y = mixer(target, source)  # [2, 5, 8]
        cache = mixer.init_cache(batch_size=2, max_length=5, source=source)
        first, cache = mixer(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.4.
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
        """Builds all parts."""
        for layer in (self.attention_block, *self.blocks):
            layer.build((None, None, self.depth))
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of the parts by their names; the layer must be built. `source` `[batch, source_time, depth]`."""
        attention = self.attention_block.init_cache(batch_size, max_length, source)
        return {"attention_block": attention, **{block.name: block.init_cache(batch_size) for block in self.blocks}}

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
        x = run(self.attention_block, target, source, source_mask=source_mask, **random)
        for block in self.blocks:
            x = run(block, x, **random)
        return run.results(x)

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shape of the target; with a cache also that of the cache."""
        return with_cache((target_shape,), cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_blocks": self.num_blocks,
            "conv": self.conv,
            "attention": self.attention,
        }
