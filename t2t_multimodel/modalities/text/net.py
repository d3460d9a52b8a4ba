"""The language modality: subwords and tree labels of the shared vocabulary."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import transposed_product


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class SymbolModality(keras.layers.Layer):
    """Learned embedding of ids, and their logits (paper, section 2.5.1).

    Embeddings start as N(0, depth^-0.5), are multiplied by sqrt(depth), and id 0 (padding) gives the zero vector
    (Tensor2Tensor's SymbolModality).

    Args:
        vocab_size: number of ids.
        depth: channels.
        shared_embedding: inputs and targets use one table.
        tied_softmax: logits use the targets' table; else a table of their own.
    """

    def __init__(
        self, vocab_size: int, depth: int, *, shared_embedding: bool = True, tied_softmax: bool = False, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocab_size, self.depth = vocab_size, depth
        self.shared_embedding, self.tied_softmax = shared_embedding, tied_softmax

    def build(self, input_shape=None):
        self.target_table = self._table("target_embedding" if not self.shared_embedding else "embedding")
        self.input_table = self.target_table if self.shared_embedding else self._table("input_embedding")
        self.softmax_table = self.target_table if self.tied_softmax else self._table("softmax")
        self.built = True

    def _table(self, name: str):
        initializer = keras.initializers.RandomNormal(0.0, self.depth**-0.5)
        return self.add_weight(shape=(self.vocab_size, self.depth), initializer=initializer, name=name)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Embeds input ids `[batch, time]` to `[batch, time, depth]`."""
        return self._embed(self.input_table, ids)

    def embed_targets(self, ids: tf.Tensor) -> tf.Tensor:
        """Embeds target ids `[batch, time]` to `[batch, time, depth]`."""
        return self._embed(self.target_table, ids)

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Logits `[positions, vocab_size]` of `[positions, depth]`."""
        return transposed_product(hidden, tf.cast(self.softmax_table.value, hidden.dtype))

    def _embed(self, table, ids: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(tf.gather(table.value, ids), self.compute_dtype)
        scale = tf.cast(tf.not_equal(ids, 0), self.compute_dtype) * self.depth**0.5
        return rows * scale[..., None]

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.depth)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "depth": self.depth,
            "shared_embedding": self.shared_embedding,
            "tied_softmax": self.tied_softmax,
        }
