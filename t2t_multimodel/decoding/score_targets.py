"""Log-probabilities of given targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.model import MultiModel


def make_score_step(model: MultiModel, problem: Problem) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor], tf.Tensor]:
    """A traced `step(batch, command)`: log-probability of each row's targets, float32 `[batch]` in nats."""
    signature, spec = batch_signature(problem.inputs, problem.targets, model.hparams.modalities), problem.targets

    @tf.function(autograph=False, input_signature=[signature, tf.TensorSpec([], tf.int32)])
    def step(batch, command):
        logits = model(batch, inputs=problem.inputs, targets=spec, command=command)  # [batch, (time,) ids]
        targets = batch["targets"]
        valid = tf.not_equal(targets, spec.padding)
        labels = tf.where(valid, targets, 0)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
        scores = tf.where(valid, -loss, 0.0)
        return tf.reduce_sum(scores, axis=1) if spec.autoregressive else scores

    return step
