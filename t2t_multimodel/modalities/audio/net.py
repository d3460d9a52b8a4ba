"""The audio modality: a stack of residual blocks over a waveform or a spectrogram."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep2D
from t2t_multimodel.layers.dense import Dense
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.layer_norm import LayerNorm
from t2t_multimodel.layers.xception import ConvRes


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class AudioModality(ExplicitMaskLayer):
    """Audio to the joint representation (paper, section 2.5.4).

    A stack of ConvRes blocks with doubling filters. Time is halved by the first `strided_blocks` of them; frequency
    never is. The last ConvStep gives `depth` channels.

    Args:
        depth: channels of the joint representation.
        bands: frequency bands of the input; 1 for a waveform.
        blocks: residual blocks.
        strided_blocks: how many of them halve the time axis.
        filters: filters of the first block.
        frequency: ``"flatten"`` makes each (time, band) a position; ``"merge"`` projects the bands of a time to one.

    Call arguments:
        x: `[batch, frames, bands, 1]`; frames a multiple of `2 ** strided_blocks`, so that padding changes nothing.
        mask: `[batch, frames]`, true at real frames.

    Returns:
        `[batch, positions, depth]` and its mask `[batch, positions]`.
    """

    def __init__(
        self,
        depth: int,
        *,
        bands: int = 80,
        blocks: int = 8,
        strided_blocks: int = 8,
        filters: int = 2,
        frequency: str = "flatten",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if frequency not in ("flatten", "merge"):
            raise ValueError(f"frequency={frequency!r}; give 'flatten' or 'merge'")
        self.depth, self.bands, self.blocks, self.strided_blocks = depth, bands, blocks, strided_blocks
        self.filters, self.frequency = filters, frequency
        policy = self.dtype_policy
        self.residuals = [
            ConvRes(filters * 2**i, strides=(2 if i < strided_blocks else 1, 1), dtype=policy, name=f"residual_{i}")
            for i in range(blocks)
        ]
        if frequency == "flatten":
            self.final = ConvStep2D(depth, kernel_size=(1, 1), dtype=policy, name="final")
        else:
            self.final = Dense(depth, dtype=policy, name="final")
            self.final_norm = LayerNorm(dtype=policy, name="final_norm")

    def build(self, input_shape=None):
        channels = 1
        for i, block in enumerate(self.residuals):
            block.build((None, None, self.bands, channels))
            channels = self.filters * 2**i
        if self.frequency == "flatten":
            self.final.build((None, None, self.bands, channels))
        else:
            self.final.build((None, None, self.bands * channels))
            self.final_norm.build((None, None, self.depth))
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None):
        for i, block in enumerate(self.residuals):
            x = block(x, mask=mask)
            if mask is not None and i < self.strided_blocks:
                mask = mask[:, ::2]
        batch, frames = tf.shape(x)[0], tf.shape(x)[1]
        mask = tf.ones([batch, frames], tf.bool) if mask is None else mask
        if self.frequency == "merge":
            flat = tf.reshape(tf.nn.relu(x), [batch, frames, self.bands * x.shape[-1]])
            return self.final_norm(self.final(flat)), mask
        x = tf.reshape(self.final(x), [batch, frames * self.bands, self.depth])
        return x, tf.repeat(mask, self.bands, axis=1)

    def compute_output_shape(self, input_shape):
        batch, frames = input_shape[0], input_shape[1]
        for block in self.residuals:
            frames = None if frames is None else -(-frames // block.strides[0])
        positions = frames if self.frequency == "merge" or frames is None else frames * self.bands
        return (batch, positions, self.depth), (batch, positions)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "bands": self.bands,
            "blocks": self.blocks,
            "strided_blocks": self.strided_blocks,
            "filters": self.filters,
            "frequency": self.frequency,
        }
