"""The pre-normalized block of the faster body."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_feed_forward import ConvFeedForward
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.layers.seeds import Seed, as_stream


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusBlock(ExplicitMaskLayer):
    """`x + f(LN(x))` for self-attention, then attention to a source if there is one, then feed-forward.

    These are the paper's parts in the order and with the normalization that learn faster. Its convolution is the
    depthwise one in front of the feed-forward layer; one block of a stack has a mixture of experts in the place of the
    feed-forward layer.

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
        uniform_attention: each attention gives the mean of what may be seen, an ablation.

    Call arguments:
        x: `[batch, time, depth]`.
        source: `[batch, source_time, depth]`, with `attends_source`; may be left out with a cache.
        mask: `[batch, time]`, true at real positions, or None.
        source_mask: `[batch, source_time]`, or None.
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `x` holds new positions alone. For causal blocks.

    Returns:
        `[batch, time, depth]`, the mixture's balance loss (scalar) and load `[experts]` (`[0]` without a mixture); with
        a cache also the next cache.

    Example:

        block = PlusBlock(depth=8, num_heads=2, hidden=32, causal=True, attends_source=True)
        x, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y, loss, load = block(x, source)
        cache = block.init_cache(batch_size=2, max_length=5, source=source)
        first, _, _, cache = block(x[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
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
        uniform_attention: bool = False,
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
            "uniform_attention": uniform_attention,
        }
        self.depth, self.causal, self.attends_source = depth, causal, attends_source
        policy = {"dtype": self.dtype_policy}
        attention = {"dropout": attention_dropout, "uniform": uniform_attention, **policy}
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

    def build(self, x_shape, source_shape=None):
        """Builds all parts."""
        shape = (None, None, self.depth)
        parts = [self.self_norm, self.self_attention, self.norm, self.mixture or self.feed_forward]
        for layer in parts:
            layer.build(shape)
        if self.attends_source:
            self.source_norm.build(shape)
            self.source_attention.build(shape, shape)
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of the parts by their names; the layer must be built.

        Raises:
            ValueError: the block is not causal.
        """
        if not self.causal:
            raise ValueError("a block that is not causal sees later inputs; a cache needs causal=True")
        parts = (self.self_attention, self.mixture or self.feed_forward)
        caches = {part.name: part.init_cache(batch_size, max_length) for part in parts}
        if self.attends_source:
            caches["source_attention"] = self.source_attention.init_cache(batch_size, source=source)
        return caches

    def call(
        self,
        x: tf.Tensor,
        source: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        run, random = CachedParts(cache), {"training": training, "seed": as_stream(seed)}
        seen_mask = None if self.causal else mask  # what is causal never sees the padding behind it
        y = run(self.self_attention, self.self_norm(x), mask=seen_mask, causal=self.causal, **random)
        x = x + self.drop(y, **random)
        if self.attends_source:
            y = run(self.source_attention, self.source_norm(x), source=source, source_mask=source_mask, **random)
            x = x + self.drop(y, **random)
        loss, load = tf.zeros([], tf.float32), tf.zeros([0], tf.float32)
        if self.mixture is not None:
            y, loss, load = run(self.mixture, self.norm(x), mask=mask, **random)
        else:
            y = run(self.feed_forward, self.norm(x), mask=seen_mask)
        return run.results(x + self.drop(y, **random), loss, load)

    def compute_output_shape(self, x_shape, source_shape=None, cache_shape=None):
        """Shapes of the three results; with a cache also that of the cache."""
        load = (0 if self.mixture is None else self.mixture.num_experts,)
        return with_cache((x_shape, (), load), cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._config}
