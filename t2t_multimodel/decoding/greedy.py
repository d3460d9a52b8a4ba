"""Greedy search, and the most probable classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.spec import TargetSpec
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID
from t2t_multimodel.model import Encoded, MultiModel

MAX_CLASSES = 5
Batch = Mapping[str, tf.Tensor]


def greedy_search(
    model: MultiModel, spec: TargetSpec, encoded: Encoded, command: tf.Tensor, max_lengths: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The most probable id at each position given the ids before it.

    Args:
        model: the model.
        spec: of the targets.
        encoded: the encoder's output for `batch` inputs.
        command: id of the command token, a scalar.
        max_lengths: int32 `[batch]`; rows that have not ended by then are cut.

    Returns:
        ids `[batch, length]`, 0 after each row's end token, and the sums of their log-probabilities `[batch]` in nats.
    """
    batch, net = tf.shape(encoded.positions.x)[0], model.nets[spec.key]

    def unfinished(ids, scores, finished):
        del ids, scores
        return tf.logical_not(tf.reduce_all(finished))

    def extend(ids, scores, finished):
        # The output at a position does not depend on its own id, but the mixture leaves out positions of padding.
        ids_and_next = tf.concat([tf.where(tf.equal(ids, PAD_ID), END_ID, ids), tf.fill([batch, 1], END_ID)], axis=1)
        hidden, _, _ = model.decode(spec, encoded, ids_and_next, command)
        log_probabilities = tf.nn.log_softmax(tf.cast(spec.logits(net, hidden[:, -1]), tf.float32))
        chosen = tf.where(finished, PAD_ID, tf.argmax(log_probabilities, axis=-1, output_type=tf.int32))
        gained = tf.gather(log_probabilities, chosen, batch_dims=1)
        scores += tf.where(finished, 0.0, gained)
        ids = tf.concat([ids, chosen[:, None]], axis=1)
        ended = tf.equal(chosen, END_ID) | tf.equal(chosen, PAD_ID) | (tf.shape(ids)[1] >= max_lengths)
        return ids, scores, finished | ended

    ids, scores, _ = tf.while_loop(
        unfinished,
        extend,
        (tf.zeros([batch, 0], tf.int32), tf.zeros([batch]), max_lengths <= 0),
        shape_invariants=(tf.TensorShape([None, None]), tf.TensorShape([None]), tf.TensorShape([None])),
    )
    return ids, scores


def make_greedy_step(
    model: MultiModel, problem: Problem
) -> Callable[[Batch, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A traced `step(batch, command, max_lengths)` that gives what `greedy_search` does."""
    signature = batch_signature(problem.inputs, problem.targets, model.hparams.modalities)

    @tf.function(input_signature=[signature, tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32)])
    def step(batch, command, max_lengths):
        encoded = model.encode(problem.inputs, batch)
        return greedy_search(model, problem.targets, encoded, command, max_lengths)

    return step


def make_classify_step(model: MultiModel, problem: Problem) -> Callable[[Batch], tuple[tf.Tensor, tf.Tensor]]:
    """A traced `step(batch)`: ids and probabilities of the best classes, best first, `[batch, min(5, classes)]`."""
    signature, spec = batch_signature(problem.inputs, problem.targets, model.hparams.modalities), problem.targets

    @tf.function(input_signature=[signature])
    def step(batch):
        net, encoded = model.nets[spec.key], model.encode(problem.inputs, batch)
        logits = tf.cast(spec.logits(net, spec.classify(net, encoded.positions)), tf.float32)
        best = tf.math.top_k(tf.nn.softmax(logits), k=min(MAX_CLASSES, logits.shape[-1]))
        return best.indices, best.values

    return step
