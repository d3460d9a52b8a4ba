"""Greedy search."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.vocabulary import END_ID
from t2t_multimodel.model import Encoded, MultiModel


def greedy_search(model: MultiModel, encoded: Encoded, command: tf.Tensor, max_length: tf.Tensor) -> tf.Tensor:
    """The best id at each position given the ids before it.

    Args:
        model: the model.
        encoded: the encoder's output for `batch` inputs.
        command: id of the command token, a scalar.
        max_length: int32 scalar; rows that have not ended by then are cut.

    Returns:
        ids `[batch, length]`, 0 after each row's end token.
    """
    batch = tf.shape(encoded.output)[0]

    def unfinished(ids, finished):
        return tf.logical_and(tf.shape(ids)[1] < max_length, tf.logical_not(tf.reduce_all(finished)))

    def extend(ids, finished):
        # The output at a position does not depend on its own id, but the mixture leaves out positions of padding.
        ids_and_next = tf.concat([tf.where(tf.equal(ids, 0), END_ID, ids), tf.fill([batch, 1], END_ID)], axis=1)
        hidden, _, _ = model.decode(encoded, ids_and_next, command)
        chosen = tf.argmax(model.symbol_logits(hidden[:, -1]), axis=-1, output_type=tf.int32)
        chosen = tf.where(finished, 0, chosen)
        return tf.concat([ids, chosen[:, None]], axis=1), finished | tf.equal(chosen, END_ID) | tf.equal(chosen, 0)

    ids, _ = tf.while_loop(
        unfinished,
        extend,
        (tf.zeros([batch, 0], tf.int32), tf.zeros([batch], tf.bool)),
        shape_invariants=(tf.TensorShape([None, None]), tf.TensorShape([None])),
    )
    return ids


def make_greedy_step(
    model: MultiModel, problem: Problem
) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor], tf.Tensor]:
    """A traced `step(batch, command, max_length)` that gives ids `[batch, length]`."""
    signature = batch_signature(problem.inputs, problem.targets, model.hparams.modalities)

    @tf.function(input_signature=[signature, tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32)])
    def step(batch, command, max_length):
        return greedy_search(model, model.encode(problem.inputs, batch), command, max_length)

    return step


def make_classify_step(model: MultiModel, problem: Problem) -> Callable[[Mapping[str, tf.Tensor]], tf.Tensor]:
    """A traced `step(batch)` that gives the best classes, best first, `[batch, min(5, classes)]`."""
    signature = batch_signature(problem.inputs, problem.targets, model.hparams.modalities)

    @tf.function(input_signature=[signature])
    def step(batch):
        logits = model.class_logits(problem.targets, model.encode(problem.inputs, batch))
        return tf.math.top_k(logits, k=min(5, problem.targets.num_classes)).indices

    return step
