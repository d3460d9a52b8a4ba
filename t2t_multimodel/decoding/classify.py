"""The most probable classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.model import MultiModel

MAX_CLASSES = 5
Batch = Mapping[str, tf.Tensor]


def make_classify_step(model: MultiModel, problem: Problem) -> Callable[[Batch], tuple[tf.Tensor, tf.Tensor]]:
    """A traced `step(batch)`: ids and probabilities of the best classes, best first, `[batch, min(5, classes)]`."""
    signature, spec = batch_signature(problem.inputs, problem.targets, model.hparams.modalities), problem.targets

    @tf.function(autograph=False, input_signature=[signature])
    def step(batch):
        net, encoded = model.nets[spec.key], model.encode(problem.inputs, batch)
        logits = tf.cast(spec.logits(net, spec.classify(net, encoded.positions)), tf.float32)
        best = tf.math.top_k(tf.nn.softmax(logits), k=min(MAX_CLASSES, logits.shape[-1]))
        return best.indices, best.values

    return step
