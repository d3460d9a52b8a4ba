"""Holds the outputs of parsing problems to well-formed linearized trees with as many leaves as the input has words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.output_constraint import OutputConstraint, State
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID
from t2t_multimodel.text.linearization import split_words

_MAX_DEPTH = 64
_PENALTY = -1e9


@dataclasses.dataclass(frozen=True)
class TreeConstraint(OutputConstraint):
    """An automaton over labels: constituents that are not empty end with their own label, leaves are counted.

    A label whose end (a slash and the label) is a label as well begins a constituent; another label is the tag of a
    leaf, and text may follow it. An output ends once one tree over all words is complete, and begins nothing that could
    not be ended within its length. An input with more words than its output has room for is not held to anything.

    Args:
        num_ids: size of the vocabulary.
        ends: id of each constituent's label and id of its end.
        tags: ids of all other labels.
    """

    num_ids: int
    ends: tuple[tuple[int, int], ...]
    tags: tuple[int, ...]

    feature_shapes = {"words": ()}

    @classmethod
    def of(cls, vocabulary: AnyVocabulary) -> TreeConstraint | None:
        """The constraint of a vocabulary's labels, or None where they make no trees."""
        labels = dict(vocabulary.labels)
        ends = {name: index for name, index in labels.items() if name.startswith("/") and name[1:] in labels}
        begins = {name[1:] for name in ends}
        tags = tuple(sorted(index for name, index in labels.items() if name not in ends and name not in begins))
        if not ends or not tags:
            return None
        pairs = tuple(sorted((labels[name[1:]], index) for name, index in ends.items()))
        return cls(vocabulary.size, pairs, tags)

    def features(self, inputs: Sequence[Any]) -> dict[str, np.ndarray]:
        """``words`` int32 `[batch]` of raw inputs, lines of text."""
        return {"words": np.array([len(split_words(text)) for text in inputs], np.int32)}

    def features_in_graph(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        # One "x" a word, and nothing for blanks, which are those of `split_words`.
        words = tf.strings.regex_replace(raw["text"], r"[^ \t\r\n\f\v]+", "x")
        return {"words": tf.strings.length(tf.strings.regex_replace(words, "[^x]+", ""))}

    def init_state(self, features: Mapping[str, Any], max_lengths: Any) -> State:
        """``open``: ends of the constituents that are open, `[rows, depth]`; and numbers `[rows]`."""
        import tensorflow as tf

        words, none = features["words"], tf.zeros_like(max_lengths)
        room = max_lengths >= words + tf.where(words > 1, 3, 1)  # leaves, a constituent around them, the end
        return {
            "open": tf.zeros([tf.shape(words)[0], _MAX_DEPTH], tf.int32),
            "depth": none,
            "missing": tf.where(room & (words > 0), words, -1),  # leaves to come; -1 for rows that are free
            "room": max_lengths + 1,  # ids to come, the one that is chosen next included
            "last": none,  # 0 nothing, 1 a beginning, 2 a leaf or its text, 3 an end
        }

    def advance(self, state: State, ids: Any) -> State:
        import tensorflow as tf

        kind, end = tf.gather(self._kinds(), ids), tf.gather(self._end_of(), ids)
        begins, is_end = tf.equal(kind, _BEGIN), tf.equal(kind, _END)
        here = tf.equal(tf.range(_MAX_DEPTH), state["depth"][:, tf.newaxis]) & begins[:, tf.newaxis]
        leaf = tf.equal(kind, _TAG)
        last = tf.where(begins, 1, tf.where(is_end, 3, tf.where(leaf, 2, state["last"])))
        return {
            "open": tf.where(here, end[:, tf.newaxis], state["open"]),
            "depth": state["depth"] + tf.cast(begins, tf.int32) - tf.cast(is_end, tf.int32),
            "missing": state["missing"] - tf.cast(leaf & (state["missing"] > 0), tf.int32),
            "room": state["room"] - 1,
            "last": last,
        }

    def penalties(self, state: State) -> Any:
        import tensorflow as tf

        depth, missing, last = state["depth"], state["missing"], state["last"]
        spare = state["room"] - (tf.maximum(missing, 0) + depth + 1)  # ids that need not be leaves, ends, the end
        at_start = tf.equal(last, 0)
        begin = (missing > 0) & (spare >= 2) & (depth < _MAX_DEPTH) & (at_start | (depth > 0))
        tag = (missing > 0) & ((depth > 0) | (at_start & tf.equal(missing, 1)))
        text = tf.equal(last, 2) & (spare >= 1)
        end = (depth > 0) & (last > 1) & ((depth > 1) | tf.equal(missing, 0))
        stop = tf.equal(depth, 0) & tf.equal(missing, 0)
        allowed = tf.stack([begin, tag, text, stop], axis=1)
        kinds = tf.one_hot(self._kinds() - _BEGIN, 4)  # [ids, 4]
        innermost = tf.clip_by_value(depth - 1, 0, _MAX_DEPTH - 1)  # rows that are free may be anywhere
        wanted = tf.gather(state["open"], innermost, batch_dims=1)
        closes = tf.one_hot(tf.where(end, wanted, -1), self.num_ids)
        sums = tf.matmul(tf.cast(allowed, tf.float32), kinds, transpose_b=True) + closes
        return tf.where((missing < 0)[:, tf.newaxis], 0.0, _PENALTY * (1.0 - sums))

    def _kinds(self) -> np.ndarray:
        """What each id is, int32 `[num_ids]`."""
        kinds = np.full(self.num_ids, _TEXT, np.int32)
        kinds[list(self.tags)] = _TAG
        for begin, end in self.ends:
            kinds[begin], kinds[end] = _BEGIN, _END
        kinds[PAD_ID], kinds[END_ID] = _NOTHING, _STOP
        return kinds

    def _end_of(self) -> np.ndarray:
        """The end that belongs to each beginning, int32 `[num_ids]`; 0 for other ids."""
        ends = np.zeros(self.num_ids, np.int32)
        for begin, end in self.ends:
            ends[begin] = end
        return ends


# The four kinds that the state alone allows or forbids come first, in the order of `penalties`.
_NOTHING, _BEGIN, _TAG, _TEXT, _STOP, _END = range(6)
