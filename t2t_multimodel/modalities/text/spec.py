"""Text: a sequence of ids of the shared vocabulary, as input or target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.spec import Feature, InputSpec, Positions, TargetSpec
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID, Label
from t2t_multimodel.errors import DecodeError, InputLimitError, VocabularyError
from t2t_multimodel.registry import register_modality

# What `str.isspace` takes, as a regular expression of RE2.
_WHITESPACE = r"[\p{Z}\t-\r\x{1c}-\x{1f}\x{85}]*"


@register_modality("symbol")
@dataclasses.dataclass(frozen=True)
class SymbolSpec(InputSpec, TargetSpec):
    """A sequence of ids of the shared vocabulary, ended by the end token; `[time]` int64.

    Raw value: a `str` (subwords), or a list of words (`str`) and tree labels (`vocabulary.Label`).
    """

    uses_vocabulary = True
    length_unit = "ids"
    shard_bytes = 0.3
    autoregressive = True
    padding = PAD_ID
    empty = ""

    def record_feature(self) -> Feature:
        return Feature("inputs", "int64", sequence=True)

    def needed(self, value: Any) -> str | None:
        text = isinstance(value, str)
        tokens = isinstance(value, list | tuple) and all(isinstance(token, str) for token in value)
        return None if text or tokens else "a str or a list of words and labels"

    def read(self, value: Any) -> Any:
        value = super().read(value)
        if isinstance(value, str) and not value.strip():
            raise DecodeError("the input is empty; give one input a line")
        return value

    def check_limits(self, value: str | bytes, limits: Any) -> None:
        if len(value) > limits.characters:
            raise InputLimitError(f"text of {len(value):,} characters; give at most {limits.characters:,}")

    def encode(self, values: Sequence[Any], vocabulary: Any, key: str) -> list[dict[str, Any]]:
        if vocabulary is None:
            raise VocabularyError("text needs a vocabulary; generate the data with one")
        if all(isinstance(value, str) for value in values):
            encoded = vocabulary.encode_batch(values)
        else:
            encoded = vocabulary.encode_mixed_batch([[v] if isinstance(v, str) else v for v in values])
        return [{key: [*ids, END_ID]} for ids in encoded]

    def raw_value(self, stored: Any, vocabulary: Any) -> str:
        return vocabulary.decode(stored)

    def show(self, stored: Any, context: SideContext) -> Side:
        """Decoded text; ids with labels among them are drawn as a tree over the words of the example's input."""
        from t2t_multimodel.text import linearization, trees

        text, size = context.vocabulary.decode(stored), f"{len(stored)} ids"
        tokens = context.vocabulary.decode_tokens(stored)
        if not any(isinstance(token, Label) for token in tokens):
            return Side(size, text)
        tree, repairs = linearization.delinearize(tokens, linearization.split_words(context.sentence))
        return Side(f"{size}, repairs: {repairs}" if repairs else size, text, drawing=trees.draw(tree))

    def make_net(self, hparams: Any, vocab_size: int):
        from t2t_multimodel.modalities.text.net import SymbolModality

        modalities = hparams.modalities
        return SymbolModality(
            vocab_size,
            hparams.body.depth,
            shared_embedding=modalities.shared_embedding,
            tied_softmax=modalities.tied_softmax,
            name=self.key,
        )

    def parse_input(self, stored, modalities: Any, seed=None) -> dict[str, Any]:
        import tensorflow as tf

        del modalities, seed
        return {"inputs": tf.cast(stored.to_tensor(), tf.int32)}

    def input_signature(self, modalities: Any) -> dict[str, Any]:
        import tensorflow as tf

        del modalities
        return {"inputs": tf.TensorSpec([None, None], tf.int32)}

    def embed(self, net, features: Mapping[str, Any], training: bool = False, seed: Any = None) -> Positions:
        import tensorflow as tf

        del training, seed
        return Positions(net(features["inputs"]), tf.not_equal(features["inputs"], PAD_ID))

    def output_lengths(self, batch: Mapping[str, Any], extra: int):
        import tensorflow as tf

        return super().output_lengths(batch, extra) + tf.math.count_nonzero(batch["inputs"], axis=1, dtype=tf.int32)

    def raw_signature(self) -> dict[str, Any]:
        import tensorflow as tf

        return {"text": tf.TensorSpec([None], tf.string, "text")}

    def raw_to_stored(self, raw: Mapping[str, Any], modalities: Any, vocabulary: Any):
        """Ids with the end; an empty text, or one that is not UTF-8, is an error."""
        import tensorflow as tf

        del modalities
        text = raw["text"]
        is_empty = tf.strings.regex_full_match(text, _WHITESPACE)
        check = tf.debugging.Assert(~tf.reduce_any(is_empty), ["a text of the batch is empty; give one text an input"])
        with tf.control_dependencies([check]):
            ids = vocabulary.encode(tf.identity(text))
        end = tf.fill([tf.size(text), 1], END_ID)
        return tf.concat([ids, end], axis=1)

    def raw_meaning(self, modalities: Any) -> dict[str, str]:
        del modalities
        return {"text": "UTF-8"}

    def raw_batch(self, values: Sequence[str]) -> dict[str, np.ndarray]:
        return {"text": np.array([value.encode() for value in values], object)}

    def raw_example(self) -> str:
        return "a"

    def text_in_graph(self, ids, vocabulary: Any, label_names: Sequence[str]):
        del label_names
        return vocabulary.decode(ids)

    def num_ids(self, vocab_size: int) -> int:
        return vocab_size

    def logits(self, net, outputs):
        return net.logits(outputs)

    def loss_and_hits(self, net, outputs, labels, smoothing: float, weights=None):
        import tensorflow as tf

        from t2t_multimodel.kernels.linear_cross_entropy import linear_cross_entropy

        return linear_cross_entropy(outputs, tf.convert_to_tensor(net.softmax_table), labels, smoothing, weights)
