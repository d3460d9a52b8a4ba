"""Records to features: what a serialized example of a problem becomes on its way into the model."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.features import parsing_features
from t2t_multimodel.data.spec import InputSpec, TargetSpec

_DTYPES = {"int64": tf.int64, "float": tf.float32, "bytes": tf.string}


def _single(dtype: tf.DType) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([], dtype)


class RecordParser:
    """Parses a batch of serialized examples of one problem.

    Args:
        problem: the problem.
        modalities: hparams group.

    Call arguments:
        records: `[batch]` serialized `tf.train.Example`s.
        seed: `[2]` int32, of augmentation, or None for none.

    Returns:
        a dict: ``inputs`` (int32 ids `[batch, time]`, float32 pixels `[batch, height, width, 3]`, or float32 audio
        `[batch, frames, bands]` with ``input_length`` `[batch]`) and ``targets`` (int32 ids `[batch, time]`, or
        classes `[batch]`). Text is padded to the longest row with 0.
    """

    def __init__(self, problem: Problem, modalities):
        self.problem, self.modalities = problem, modalities

    def __call__(self, records: tf.Tensor, seed: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        sides = self._sides(records)
        inputs = self.problem.inputs.parse_input(sides["inputs"], self.modalities, seed)
        return {**inputs, "targets": self.problem.targets.parse_target(sides["targets"])}

    def _sides(self, records: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """The stored features of the two sides, under the names ``inputs`` and ``targets``."""
        sides = parsing_features(self.problem)
        parsed = tf.io.parse_example(
            records,
            {
                side.name: (tf.io.RaggedFeature if side.sequence else _single)(_DTYPES[side.kind])
                for side in sides.values()
            },
        )
        return {name: parsed[side.name] for name, side in sides.items()}


def batch_signature(inputs: InputSpec, targets: TargetSpec, modalities) -> dict[str, tf.TensorSpec]:
    """Shapes and dtypes of a batch, batch and time free: one trace serves every bucket."""
    return {**inputs.input_signature(modalities), "targets": targets.target_signature()}
