"""Records to features: what a serialized example of a problem becomes on its way into the model."""

from __future__ import annotations

import tensorflow as tf

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.features import parsing_features
from t2t_multimodel.data.specs import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.modalities.audio.features import audio_features, spec_augment
from t2t_multimodel.modalities.image.pixels import decode_images

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
        a dict: ``inputs`` (int32 ids `[batch, time]`, float32 pixels `[batch, height, width, 3]`, or float32 sound
        `[batch, frames, bands]` with ``input_length`` `[batch]`) and ``targets`` (int32 ids `[batch, time]`, or
        classes `[batch]`). Text is padded to the longest row with 0.
    """

    def __init__(self, problem: Problem, modalities):
        self.problem, self.modalities = problem, modalities

    def __call__(self, records: tf.Tensor, seed: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        return self._features(self._parse(records), seed)

    def _parse(self, records: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """The two sides, under the names ``inputs`` and ``targets``."""
        sides = parsing_features(self.problem)
        parsed = tf.io.parse_example(
            records,
            {
                side.name: (tf.io.RaggedFeature if side.sequence else _single)(_DTYPES[side.kind])
                for side in sides.values()
            },
        )
        return {name: parsed[side.name] for name, side in sides.items()}

    def _features(self, parsed: dict, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        inputs = self.problem.inputs
        target = parsed["targets"]
        if isinstance(target, tf.RaggedTensor):
            target = target.to_tensor()
        features = {"targets": tf.cast(target, tf.int32)}
        if isinstance(inputs, SymbolSpec):
            features["inputs"] = tf.cast(parsed["inputs"].to_tensor(), tf.int32)
        elif isinstance(inputs, ImageSpec):
            size = self.modalities.image_size or inputs.size
            augment = seed if inputs.augment else None
            features["inputs"] = decode_images(parsed["inputs"], size, augment)
        else:
            features |= self._sound(parsed["inputs"], seed)
        return features

    def _sound(self, waveforms: tf.RaggedTensor, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        spec, modalities = self.problem.inputs, self.modalities
        waveforms = waveforms[:, : int(modalities.audio_max_seconds * spec.sample_rate)]
        lengths = tf.cast(waveforms.row_lengths(), tf.int32)
        features, frames = audio_features(waveforms.to_tensor(), lengths, spec.sample_rate, modalities)
        if seed is not None and spec.augment and modalities.spec_augment:
            features = spec_augment(features, frames, seed)
        return {"inputs": features, "input_length": frames}


def batch_signature(inputs, targets, modalities) -> dict[str, tf.TensorSpec]:
    """Shapes and dtypes of a batch, batch and time free: one trace serves every bucket."""
    signature = {"targets": tf.TensorSpec([None] if isinstance(targets, ClassLabelSpec) else [None, None], tf.int32)}
    if isinstance(inputs, SymbolSpec):
        signature["inputs"] = tf.TensorSpec([None, None], tf.int32)
    elif isinstance(inputs, ImageSpec):
        size = modalities.image_size or inputs.size
        signature["inputs"] = tf.TensorSpec([None, size, size, 3], tf.float32)
    elif isinstance(inputs, AudioSpec):
        bands = 1 if modalities.audio_features == "waveform" else modalities.audio_bands
        signature["inputs"] = tf.TensorSpec([None, None, bands], tf.float32)
        signature["input_length"] = tf.TensorSpec([None], tf.int32)
    return signature
