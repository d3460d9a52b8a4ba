"""Encoder, mixer and decoder of pre-normalised blocks: `body.form=plus`, beside the paper's."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.plus.block import PlusBlock
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.rng import StepRandom
from t2t_multimodel.layers.timing import timing_signal_1d


class _PlusStack(ExplicitMaskLayer):
    """Blocks in order, the middle one with a mixture of experts.

    Args:
        depth: channels.
        num_blocks: blocks.
        block: further arguments of each `PlusBlock`.
        mixture: arguments of `MixtureOfExperts`, or None for no mixture.
        timing: adds the timing signal to the input, and drops out of the sum.
        final_norm: normalises the output.
    """

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

    def build(self, input_shape):
        """Builds the blocks."""
        for layer in (*self.blocks, *([self.norm] if self.norm else [])):
            layer.build((None, None, self.depth))
        self.built = True

    def _run(self, x, mask, rng, **source):
        if self.timing:
            x = self.drop(x + tf.cast(timing_signal_1d(tf.shape(x)[1], self.depth), x.dtype), rng=rng)
        losses, load = [tf.zeros([], tf.float32)], None
        for block in self.blocks:
            x, loss, block_load = block(x, mask=mask, rng=rng, **source)
            losses.append(loss)
            load = load if block_load is None else block_load
        return (self.norm(x) if self.norm else x), tf.add_n(losses), load

    def compute_output_shape(self, input_shape, source_shape=None):
        """Shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusEncoder(_PlusStack):
    """Drop-in for `Encoder`: self-attention and convolutional feed-forward, not causal.

    Call arguments and results are those of `Encoder`.
    """

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None, rng: StepRandom | None = None):
        """Returns `[batch, time, depth]`, loss, load."""
        return self._run(x, mask, rng)


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusMixer(_PlusStack):
    """Drop-in for `Mixer`: the first causal blocks, after the timing signal; call arguments are those of `Mixer`."""

    def call(self, target, source, source_mask=None, rng: StepRandom | None = None):
        """Returns `[batch, target_time, depth]`."""
        return self._run(target, None, rng, source=source, source_mask=source_mask)[0]


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class PlusDecoder(_PlusStack):
    """Drop-in for `Decoder`: the other causal blocks; call arguments and results are those of `Decoder`."""

    def call(self, target, source, target_mask=None, source_mask=None, rng: StepRandom | None = None):
        """Returns `[batch, target_time, depth]`, loss, load."""
        return self._run(target, target_mask, rng, source=source, source_mask=source_mask)
