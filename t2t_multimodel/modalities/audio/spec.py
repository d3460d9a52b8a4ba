"""Audio: one channel of samples as input."""

from __future__ import annotations

import dataclasses
import io
import wave
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.inspect.heat_map import heat_map
from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.spec import BatchCosts, Feature, InputSpec, Positions
from t2t_multimodel.registry import register_modality


@register_modality("audio")
@dataclasses.dataclass(frozen=True)
class AudioSpec(InputSpec):
    """One channel of audio; `[samples]` float32 in [-1, 1]. Raw value: a NumPy float32 array.

    Args:
        sample_rate: samples a second; readers resample to it.
        augment: SpecAugment masks in training.
    """

    sample_rate: int = 16000
    augment: bool = True

    length_unit = "seconds"
    given_by_path = True
    form = "audio"

    def record_feature(self) -> Feature:
        return Feature("waveforms", "float", sequence=True)

    def needed(self, value: Any) -> str | None:
        good = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == 1 and value.size > 0
        return None if good else "a float32 array [samples]"

    def read(self, value: Any) -> np.ndarray:
        """Samples of a path, the bytes of an audio file, or a pair (float `[samples]`, samples a second).

        Raises:
            DecodeError: it cannot be read as audio.
        """
        from t2t_multimodel.problems.readers import audio

        return audio.read_audio(value, self.sample_rate)

    def check_limits(self, value: str | bytes, limits: Any) -> None:
        from t2t_multimodel.problems.readers import audio_size

        audio_size.check_seconds(value, limits.seconds)

    def shorten(self, raw: np.ndarray, modalities: Any) -> tuple[np.ndarray, str | None]:
        limit = self._longest(modalities)
        if len(raw) <= limit:
            return raw, None
        seconds = len(raw) / self.sample_rate
        return raw[:limit], (
            f"audio of {seconds:.1f} s is longer than modalities.audio_max_seconds={modalities.audio_max_seconds:g};"
            " what comes after is not decoded, give it in parts"
        )

    def _longest(self, modalities: Any) -> int:
        return int(modalities.audio_max_seconds * self.sample_rate)

    def encode(self, values: Sequence[np.ndarray], vocabulary: Any, key: str) -> list[dict[str, Any]]:
        del vocabulary
        return [{key: value} for value in values]

    def show(self, stored: np.ndarray, context: SideContext) -> Side:
        """Audio as WAV, and its log-mel spectrogram as PNG, low bands at the bottom, one pixel a frame."""
        import tensorflow as tf

        from t2t_multimodel.modalities.audio.features import audio_features

        settings = dataclasses.replace(context.modalities, audio_features="spectrogram")
        lengths = tf.constant([len(stored)])
        features, frames = audio_features(tf.constant(stored[None]), lengths, self.sample_rate, settings)
        bands = features[0, : int(frames[0])].numpy().T[::-1]  # [bands, frames]
        peak, rate = float(np.abs(stored).max(initial=0.0)), self.sample_rate
        text = f"{len(stored):,} samples at {rate} Hz, peak {peak:.2f}; {bands.shape[1]} frames of {len(bands)}"
        return Side(f"{len(stored) / rate:.2f} s", text, png=heat_map(bands), wav=wav_bytes(stored, rate))

    def make_net(self, hparams: Any, vocab_size: int):
        from t2t_multimodel.modalities.audio.net import AudioModality

        del vocab_size
        modalities = hparams.modalities
        return AudioModality(
            hparams.body.depth,
            bands=self._bands(modalities),
            blocks=modalities.audio_blocks,
            strided_blocks=modalities.audio_strided_blocks,
            filters=modalities.audio_filters,
            frequency=modalities.audio_frequency,
            name=self.key,
        )

    def net_input_shape(self, hparams: Any) -> tuple[int | None, ...]:
        return (*super().net_input_shape(hparams), 1)

    def _bands(self, modalities: Any) -> int:
        return 1 if modalities.audio_features == "waveform" else modalities.audio_bands

    def lengths_in_unit(self, lengths: np.ndarray) -> np.ndarray:
        return lengths / self.sample_rate

    def parse_input(self, stored, modalities: Any, seed=None) -> dict[str, Any]:
        import tensorflow as tf

        from t2t_multimodel.modalities.audio.features import audio_features, spec_augment

        lengths = tf.cast(stored.row_lengths(), tf.int32)
        features, frames = audio_features(stored.to_tensor(), lengths, self.sample_rate, modalities)
        if seed is not None and self.augment and modalities.spec_augment:
            features = spec_augment(features, frames, seed)
        return {"inputs": features, "input_length": frames}

    def input_signature(self, modalities: Any) -> dict[str, Any]:
        import tensorflow as tf

        return {
            "inputs": tf.TensorSpec([None, None, self._bands(modalities)], tf.float32),
            "input_length": tf.TensorSpec([None], tf.int32),
        }

    def raw_signature(self) -> dict[str, Any]:
        import tensorflow as tf

        return {
            "waveform": tf.TensorSpec([None, None], tf.float32, "waveform"),
            "length": tf.TensorSpec([None], tf.int32, "length"),
        }

    def raw_to_stored(self, raw: Mapping[str, Any], modalities: Any, vocabulary: Any):
        """Samples of each row up to its length, in [-1, 1] and cut as by `shorten`."""
        import tensorflow as tf

        del vocabulary
        samples, lengths = raw["waveform"], raw["length"]
        inside = tf.reduce_all((lengths > 0) & (lengths <= tf.shape(samples)[1]))
        checks = [
            tf.debugging.Assert(inside, ["a length is not that of a row of waveform; give 1 to its samples"]),
            tf.debugging.Assert(
                tf.reduce_all(tf.math.is_finite(samples)),
                ["waveform holds values that are not numbers; give samples in [-1, 1]"],
            ),
        ]
        with tf.control_dependencies(checks):
            clipped = tf.clip_by_value(samples, -1.0, 1.0)
        return tf.RaggedTensor.from_tensor(clipped, tf.minimum(lengths, self._longest(modalities)))

    def raw_meaning(self, modalities: Any) -> dict[str, str]:
        longest = f"{modalities.audio_max_seconds:g} s"
        return {
            "waveform": f"samples in [-1, 1], {self.sample_rate} a second, one channel; what is after {longest} is cut",
            "length": "samples of each row; what is after them is not looked at",
        }

    def raw_batch(self, values: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        lengths = np.array([len(value) for value in values], np.int32)
        waveform = np.zeros([len(values), lengths.max(initial=0)], np.float32)
        for row, value in zip(waveform, values):
            row[: len(value)] = value
        return {"waveform": waveform, "length": lengths}

    def raw_example(self) -> np.ndarray:
        return np.zeros(self.sample_rate // 2, np.float32)

    def batch_costs(self, index: Any, batching: Any, modalities: Any, *, training: bool) -> BatchCosts:
        """The samples count; in training, audio longer than `modalities.audio_max_seconds` is left out."""
        from t2t_multimodel.data.input.batching import bucket_boundaries

        limit = self._longest(modalities)
        if not training:
            limit = max(limit, int(index.input_length.max(initial=1)))
        return BatchCosts(
            index.input_length,
            batching.audio_batch_seconds * self.sample_rate,
            bucket_boundaries(self.sample_rate // 2, limit, batching.bucket_growth),
            sort_key=index.target_length,
            limit=f"modalities.audio_max_seconds={modalities.audio_max_seconds:g}",
            setting="batching.audio_batch_seconds",
        )

    def static_lengths(self, bound: int, modalities: Any) -> tuple[int | None, int | None]:
        """The frames of so many samples, as `audio_features` pads them."""
        from t2t_multimodel.modalities.audio.features import padded_frames

        return padded_frames(bound, self.sample_rate, modalities), None

    def embed(self, net, features: Mapping[str, Any], training: bool = False, seed: Any = None) -> Positions:
        import tensorflow as tf

        del training, seed
        inputs = features["inputs"]
        frames = tf.sequence_mask(features["input_length"], tf.shape(inputs)[1])
        return Positions(*net(inputs[..., None], mask=frames))

    def bucket_text(self, bound: int) -> str:
        return f"<= {bound / self.sample_rate:.2f} s"


def wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """A WAV file of 16 bits a sample; `samples` `[samples]` are clipped to [-1, 1]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
