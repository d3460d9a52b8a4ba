"""The decoder: causal blocks of convolution and attention with a mixture of experts in the middle."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed, as_stream


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class DecoderBlock(ExplicitMaskLayer):
    """One causal ConvBlock and one `AttentionBlock`.

    Args:
        depth: channels.
        num_heads: attention heads.
        conv: further arguments of each `ConvBlock`.
        attention: further arguments of the `AttentionBlock`.

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

        block = DecoderBlock(depth=8, num_heads=2)
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y = block(target, source)  # [2, 5, 8]
        cache = block.init_cache(batch_size=2, max_length=5, source=source)
        first, cache = block(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.4.
    """

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
        """Builds both parts."""
        self.conv_block.build((None, None, self.depth))
        self.attention_block.build((None, None, self.depth))
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of both parts by their names; the layer must be built. `source` `[batch, source_time, depth]`."""
        return {
            "conv_block": self.conv_block.init_cache(batch_size),
            "attention_block": self.attention_block.init_cache(batch_size, max_length, source),
        }

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
        x = run(self.conv_block, target, **random)
        return run.results(run(self.attention_block, x, source, source_mask=source_mask, **random))

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shape of the target; with a cache also that of the cache."""
        return with_cache((target_shape,), cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "conv": self.conv,
            "attention": self.attention,
        }


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class Decoder(ExplicitMaskLayer):
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
        source: encoded input, `[batch, source_time, depth]`; may be left out with a cache.
        mask: of the target, `[batch, target_time]`, or None; padding reaches no expert.
        source_mask: `[batch, source_time]`, or None.
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `target` holds new positions alone.

    Returns:
        `[batch, target_time, depth]`, the mixture's balance loss (scalar) and load `[experts]` (`[0]` without a
        mixture); with a cache also the next cache.

    Example:

        decoder = Decoder(depth=8, num_heads=2, num_blocks=2, mixture={"num_experts": 4, "hidden": 16, "k": 2})
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y, loss, load = decoder(target, source)
        cache = decoder.init_cache(batch_size=2, max_length=5, source=source)
        first, _, _, cache = decoder(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.4.
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
        parts = {"conv": self.conv, "attention": self.attention, "dtype": self.dtype_policy}
        blocks = [DecoderBlock(depth, num_heads, name=f"block_{i}", **parts) for i in range(num_blocks)]
        self.stack = MixedStack(blocks, mixture, dtype=self.dtype_policy, name="stack")

    def build(self, target_shape, source_shape=None):
        """Builds the stack."""
        self.stack.build((None, None, self.depth))
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The stack's cache; the layer must be built. `source` `[batch, source_time, depth]`."""
        return self.stack.init_cache(batch_size, max_length, source)

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
        return self.stack(target, source, mask=mask, source_mask=source_mask, training=training, seed=seed, cache=cache)

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shapes of the three results; with a cache also that of the cache."""
        return self.stack.compute_output_shape(target_shape, cache_shape=cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_blocks": self.num_blocks,
            "conv": self.conv,
            "attention": self.attention,
            "mixture": self.mixture,
        }
