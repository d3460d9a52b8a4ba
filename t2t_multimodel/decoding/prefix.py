"""Forced prefixes: ids that an output begins with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.output_constraint import OutputConstraint, State
from t2t_multimodel.data.vocabulary.vocabulary import PAD_ID

# More than another constraint takes off: a prefix holds even against it.
_PENALTY = -1e10


@dataclasses.dataclass(frozen=True)
class PrefixConstraint(OutputConstraint):
    """Holds each output to a prefix of its own; their log-probabilities count in its score.

    Args:
        num_ids: how many ids there are.
    """

    feature_shapes = {"prefix": (None,)}
    num_ids: int

    def features(self, inputs: Sequence[Any]) -> dict[str, np.ndarray]:
        """``prefix`` int32 `[batch, longest]`, padded with 0; `inputs` are the prefixes, lists of ids."""
        longest = max(map(len, inputs), default=0)
        return {"prefix": np.array([[*ids, *[PAD_ID] * (longest - len(ids))] for ids in inputs], np.int32)}

    def init_state(self, features: Mapping[str, tf.Tensor], max_lengths: tf.Tensor) -> State:
        prefix = tf.pad(features["prefix"], [[0, 0], [0, 1]])  # its last column stands for what is free
        return {"prefix": prefix, "position": tf.fill(tf.shape(max_lengths), -1)}

    def advance(self, state: State, ids: tf.Tensor) -> State:
        del ids
        return {**state, "position": state["position"] + 1}

    def penalties(self, state: State) -> tf.Tensor:
        at = tf.minimum(state["position"], tf.shape(state["prefix"])[1] - 1)
        wanted = tf.gather(state["prefix"], at, batch_dims=1)[:, tf.newaxis]
        return tf.where(tf.equal(wanted, PAD_ID) | tf.equal(tf.range(self.num_ids), wanted), 0.0, _PENALTY)
