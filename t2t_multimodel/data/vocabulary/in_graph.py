"""The subword vocabulary inside TensorFlow's graph, for models that take and give text without this package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID

# A blank in the model's pieces. In text the character itself stands as its bytes, as in `Vocabulary.encode`.
_BLANK = "\u2581"


class GraphVocabulary(tf.Module):
    """`Vocabulary.encode` and `Vocabulary.decode` as operations of TensorFlow and tensorflow-text.

    It holds the SentencePiece model as a resource: a module that is saved with functions of it must hold it, too.

    Args:
        model: the serialized SentencePiece model.
        pieces: what each id writes; the name of a label.
        labels: ids of the labels.
        byte_ids: ids of the 256 bytes.

    Example:

        ```python
        import tensorflow as tf

        from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary

        vocabulary = Vocabulary.load("data/mini").in_graph()
        ids = vocabulary.encode(tf.constant(["a red circle"]))  # RaggedTensor [1, None]
        vocabulary.decode(ids.to_tensor()).numpy().tolist()  # [b"a red circle"]
        ```
    """

    def __init__(self, model: bytes, pieces: Sequence[bytes], labels: Iterable[int], byte_ids: Sequence[int]):
        super().__init__(name="vocabulary")
        self._tokenizer = tf_text.SentencepieceTokenizer(model=model, out_type=tf.int32)
        is_label = np.zeros(len(pieces), bool)
        is_label[list(labels)] = True
        self._is_label = tf.constant(is_label)
        self._pieces = tf.constant(list(pieces))
        self._first_pieces = tf.constant([piece.removeprefix(b" ") for piece in pieces])
        self._before = tf.ragged.constant([[], [byte_ids[value] for value in _BLANK.encode()]])

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Ids int32 `[batch, None]` of texts `[batch]`, without the end id; what is not UTF-8 is an error."""
        good = tf.reduce_all(tf.equal(_replaced(texts), texts))
        check = tf.debugging.Assert(good, ["a text of the batch is not UTF-8; encode it as UTF-8"])
        with tf.control_dependencies([check]):
            started = tf.where(tf.equal(texts, ""), "", tf.strings.join([" ", texts]))
        parts = tf.strings.split(started, _BLANK)  # [batch, None]
        is_later = tf.ragged.range(parts.row_lengths()).flat_values > 0
        pieces = self._tokenizer.tokenize(parts.flat_values)  # [parts, None]
        ids = tf.concat([tf.gather(self._before, tf.cast(is_later, tf.int32)), pieces], axis=1)
        return tf.RaggedTensor.from_row_splits(ids, parts.row_splits).merge_dims(1, 2)

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Texts `[...]` of ids `[..., time]` up to the first end or padding; a label has blanks around it."""
        stops = tf.equal(ids, END_ID) | tf.equal(ids, PAD_ID)
        kept = tf.equal(tf.cumsum(tf.cast(stops, tf.int32), axis=-1), 0)
        is_label = tf.gather(self._is_label, ids)
        after_label = tf.concat([tf.zeros_like(is_label[..., :1]), is_label[..., :-1]], axis=-1)
        is_first = tf.equal(tf.range(tf.shape(ids)[-1]), 0)
        # Text between labels loses its first blank, and blanks stand around each label.
        begins = is_label | after_label | is_first
        pieces = tf.where(begins & ~is_label, tf.gather(self._first_pieces, ids), tf.gather(self._pieces, ids))
        separators = tf.where(begins & ~is_first, " ", "")
        written = tf.where(kept, tf.strings.join([separators, pieces]), "")
        return _replaced(tf.strings.reduce_join(written, axis=-1))


def _replaced(texts: tf.Tensor) -> tf.Tensor:
    """Texts with U+FFFD in the place of what is not UTF-8."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
