"""Encoder, mixer and decoder of pre-normalized blocks: `body.form=plus`, beside the paper's."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.body.plus.block import PlusBlock
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.seeds import Seed, as_stream
from t2t_multimodel.layers.timing import TimingSignal


class _PlusStack(ExplicitMaskLayer):
    """Blocks in order, the middle one with a mixture of experts; arguments as in `PlusEncoder`."""

    def __init__(
        self,
        depth: int,
        num_blocks: int,
        *,
        block: dict[str, Any],
        mixture: dict[str, Any] | None = None,
        timing: bool = False,
        final_norm: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "depth": depth,
            "num_blocks": num_blocks,
            "block": dict(block),
            "mixture": mixture,
            "timing": timing,
            "final_norm": final_norm,
        }
        self.depth, self.timing = depth, timing
        self.timing_signal = TimingSignal(dtype=self.dtype_policy, name="timing") if timing else None
        self.blocks = [
            PlusBlock(
                depth,
                **block,
                mixture=mixture if i == num_blocks // 2 else None,
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i in range(num_blocks)
        ]
        self.drop = Dropout(block.get("dropout", 0.0), dtype=self.dtype_policy, name="drop")
        self.norm = LayerNorm(dtype=self.dtype_policy, name="norm") if final_norm else None

    def _build_parts(self):
        for layer in (self.timing_signal, *self.blocks, self.norm):
            if layer is not None:
                layer.build((None, None, self.depth))
        self.built = True

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of the parts by their names; the layer must be built. `source` `[batch, source_time, depth]`."""
        timing = {} if self.timing_signal is None else {"timing": self.timing_signal.init_cache(batch_size)}
        return {**timing, **{block.name: block.init_cache(batch_size, max_length, source) for block in self.blocks}}

    def _run(self, run: CachedParts, x, training, seed, **call):
        random = {"training": training, "seed": as_stream(seed)}
        if self.timing_signal is not None:
            x = self.drop(run(self.timing_signal, x), **random)
        losses, load = [tf.zeros([], tf.float32)], tf.zeros([0], tf.float32)
        for block in self.blocks:
            x, loss, block_load = run(block, x, **call, **random)
            losses.append(loss)
            load = block_load if block_load.shape[0] else load
        return (self.norm(x) if self.norm else x), tf.add_n(losses), load

    def _output_shapes(self, x_shape):
        mixture = self._config["mixture"]
        return x_shape, (), (mixture["num_experts"] if mixture and self.blocks else 0,)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusEncoder(_PlusStack):
    """Takes the place of `Encoder`: self-attention and convolutional feed-forward, not causal.

    Args:
        depth: channels.
        num_blocks: blocks.
        block: further arguments of each `PlusBlock`.
        mixture: arguments of `MixtureOfExperts` in the middle block, or None for no mixture.
        timing: adds the timing signal to the input, with dropout on the sum.
        final_norm: normalizes the output.

    Call arguments:
        x: `[batch, time, depth]`.
        mask: `[batch, time]`, true at real positions, or None.
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.

    Returns:
        `[batch, time, depth]`, the mixture's balance loss (scalar) and load `[experts]` (`[0]` without a mixture).

    Example:

        encoder = PlusEncoder(8, num_blocks=2, block={"num_heads": 2, "hidden": 32}, timing=True)
        y, loss, load = encoder(tf.random.normal([2, 5, 8]), mask=tf.sequence_mask([5, 3]))

    Reference: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
    """

    def build(self, x_shape):
        """Builds the blocks."""
        self._build_parts()

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool = False, seed: Seed = None):
        return self._run(CachedParts(None), x, training, seed, mask=mask)

    def compute_output_shape(self, x_shape):
        """Shapes of the three results."""
        return self._output_shapes(x_shape)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusMixer(_PlusStack):
    """Takes the place of `Mixer`: the first causal blocks, after the timing signal.

    Args:
        depth: channels.
        num_blocks: blocks.
        block: further arguments of each `PlusBlock`, with `causal` and `attends_source`.
        mixture: arguments of `MixtureOfExperts` in the middle block, or None for no mixture.
        timing: adds the timing signal to the input, with dropout on the sum.
        final_norm: normalizes the output.

    Call arguments:
        target: shifted targets, `[batch, target_time, depth]`.
        source: encoded input, `[batch, source_time, depth]`; may be left out with a cache.
        mask: of the target; not used: what is causal never sees the padding behind it.
        source_mask: `[batch, source_time]`, or None.
        training: turns dropout on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `target` holds new positions alone.

    Returns:
        `[batch, target_time, depth]`; with a cache also the next cache.

    Example:

        block = {"num_heads": 2, "hidden": 32, "causal": True, "attends_source": True}
        mixer = PlusMixer(8, num_blocks=1, block=block, timing=True)
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y = mixer(target, source)  # [2, 5, 8]
        cache = mixer.init_cache(batch_size=2, max_length=5, source=source)
        first, cache = mixer(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
    """

    def build(self, target_shape, source_shape=None):
        """Builds the blocks."""
        self._build_parts()

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
        run = CachedParts(cache)
        return run.results(self._run(run, target, training, seed, source=source, source_mask=source_mask)[0])

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shape of the target; with a cache also that of the cache."""
        return with_cache((target_shape,), cache_shape)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusDecoder(_PlusStack):
    """Takes the place of `Decoder`: the causal blocks after the mixer's.

    Args:
        depth: channels.
        num_blocks: blocks.
        block: further arguments of each `PlusBlock`, with `causal` and `attends_source`.
        mixture: arguments of `MixtureOfExperts` in the middle block, or None for no mixture.
        timing: adds the timing signal to the input, with dropout on the sum.
        final_norm: normalizes the output.

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

        block = {"num_heads": 2, "hidden": 32, "causal": True, "attends_source": True}
        decoder = PlusDecoder(8, num_blocks=2, block=block, mixture={"num_experts": 4, "hidden": 16, "k": 2})
        target, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y, loss, load = decoder(target, source)
        cache = decoder.init_cache(batch_size=2, max_length=5, source=source)
        first, _, _, cache = decoder(target[:, :1], cache=cache)  # equals y[:, :1]

    Reference: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
    """

    def build(self, target_shape, source_shape=None):
        """Builds the blocks."""
        self._build_parts()

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
        run = CachedParts(cache)
        call = {"source": source, "mask": mask, "source_mask": source_mask}
        return run.results(*self._run(run, target, training, seed, **call))

    def compute_output_shape(self, target_shape, source_shape=None, cache_shape=None):
        """Shapes of the three results; with a cache also that of the cache."""
        return with_cache(self._output_shapes(target_shape), cache_shape)
