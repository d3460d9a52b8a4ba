"""Examples of generated data in a form for people: text, drawn trees, images and spectrograms as PNG."""

from __future__ import annotations

import dataclasses
import io
import os
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.metadata import Metadata, metadata_path
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.features import decode_features, input_key, needs_vocabulary, target_key
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.specs import AudioSpec, ClassLabelSpec, ImageSpec
from t2t_multimodel.data.vocabulary.load import AnyVocabulary, load_vocabulary
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import DataError, VocabularyError
from t2t_multimodel.text import trees

_PALETTE = np.array([[12, 8, 40], [90, 20, 110], [200, 55, 90], [250, 150, 60], [252, 250, 200]], np.float32)
_BAND_PIXELS = 3


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of an example.

    Attributes:
        size: its length with the unit, such as ``"12 ids"``.
        text: the text, or a description of the image or audio.
        drawing: a tree on several lines, else empty.
        png: the image or the spectrogram, else empty.
        wav: the audio, else empty.
    """

    size: str
    text: str
    drawing: str = ""
    png: bytes = b""
    wav: bytes = b""


@dataclasses.dataclass(frozen=True)
class Example:
    """One example of a split.

    Attributes:
        row: its number in the split, from 0.
        inputs, targets: the two sides.
        meta: the record's values under ``meta/``, by their names without that prefix.
    """

    row: int
    inputs: Side
    targets: Side
    meta: dict[str, str]


class ExampleReader:
    """Reads examples of one split and turns them into a form for people.

    Args:
        problem: the problem.
        data_dir: folder of the generated data.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        modalities: hparams group, for the spectrogram's window, hop and bands.
        strict: a damaged record is an error; otherwise it is skipped and counted.

    Raises:
        DataError: there are no shards, or they are damaged.
        VocabularyError: the data were made with another vocabulary than the one in the folder.
    """

    def __init__(
        self, problem: Problem, data_dir: str | os.PathLike, split: str, modalities: Any, *, strict: bool = False
    ):
        self.problem, self.split, self._modalities = problem, split, modalities
        self.index = RecordIndex.load_or_build(data_dir, problem.name, split, strict=strict)
        found = metadata_path(data_dir, problem.name).is_file()
        self.metadata = Metadata.load(data_dir, problem.name) if found else None
        self.vocabulary = load_vocabulary(data_dir) if needs_vocabulary(problem) else None
        made_with = self.metadata and self.metadata.vocabulary
        if self.vocabulary and made_with and self.vocabulary.fingerprint != made_with:
            raise VocabularyError(
                f"{problem.name} in {data_dir} was made with another vocabulary than the one there; generate it again"
            )

    def read(self, rows: Sequence[int]) -> list[Example]:
        """The examples of the given rows of the split."""
        return [self._example(row, decode_features(record)) for row, record in zip(rows, self.index.read(rows))]

    def _example(self, row: int, features: dict[str, Any]) -> Example:
        problem = self.problem
        try:
            raw_inputs = features[input_key(problem.inputs)]
            raw_targets = features[target_key(problem.inputs)]
        except KeyError as error:
            raise DataError(
                f"row {row} of {problem.name}-{self.split} has no feature {error}; generate again"
            ) from None
        inputs = self._side(problem.inputs, raw_inputs, "")
        targets = self._side(problem.targets, raw_targets, inputs.text)
        meta = {name[5:]: _plain(value) for name, value in features.items() if name.startswith("meta/")}
        return Example(row, inputs, targets, meta)

    def _side(self, spec: Any, value: Any, sentence: str) -> Side:
        if isinstance(spec, ImageSpec):
            return image_side(value[0] if len(value) else b"", self._modalities.image_size or spec.size)
        if isinstance(spec, AudioSpec):
            return audio_side(value, spec.sample_rate, self._modalities)
        if isinstance(spec, ClassLabelSpec):
            return self._class_side(int(value[0]) if len(value) else -1)
        return text_side(value, self.vocabulary, sentence)

    def _class_side(self, label: int) -> Side:
        names = self.metadata.label_names if self.metadata else None
        known = names is not None and 0 <= label < len(names)
        return Side("1 class", f"{label} {names[label]}" if known else str(label))


def text_side(ids: Sequence[int], vocabulary: AnyVocabulary, sentence: str = "") -> Side:
    """Decoded text; ids that contain labels are drawn as a tree over the words of `sentence`.

    Args:
        ids: of the vocabulary, the end id included.
        vocabulary: decodes them.
        sentence: the example's input, which has the words of a tree.
    """
    text, size = vocabulary.decode(ids), f"{len(ids)} ids"
    tokens = vocabulary.decode_tokens(ids)
    if not any(isinstance(token, Label) for token in tokens):
        return Side(size, text)
    tree, repairs = trees.delinearize(tokens, trees.split_words(sentence))
    return Side(f"{size}, repairs: {repairs}" if repairs else size, text, drawing=trees.draw(tree))


def image_side(encoded: bytes, model_size: int) -> Side:
    """A stored image as PNG, with its format and size."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            kind, measures = image.format, f"{image.width} x {image.height}"
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "PNG")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Side(f"{len(encoded):,} bytes", f"damaged image: {error}")
    text = f"{kind}, {len(encoded):,} bytes; the model sees {model_size} x {model_size}"
    return Side(f"{measures} pixels", text, png=buffer.getvalue())


def audio_side(samples: np.ndarray, sample_rate: int, modalities: Any) -> Side:
    """Audio as WAV, and its log-mel spectrogram as PNG: low bands at the bottom, one pixel per frame.

    Args:
        samples: float32 `[samples]` in [-1, 1].
        sample_rate: samples a second.
        modalities: hparams group; its bands, window and hop make the spectrogram, which is never cut.
    """
    import tensorflow as tf

    from t2t_multimodel.modalities.audio.features import audio_features

    settings = dataclasses.replace(modalities, audio_features="spectrogram")
    features, frames = audio_features(tf.constant(samples[None]), tf.constant([len(samples)]), sample_rate, settings)
    bands = features[0, : int(frames[0])].numpy().T[::-1]  # [bands, frames]
    peak = float(np.abs(samples).max(initial=0.0))
    text = f"{len(samples):,} samples at {sample_rate} Hz, peak {peak:.2f}; {bands.shape[1]} frames of {len(bands)}"
    return Side(f"{len(samples) / sample_rate:.2f} s", text, png=heat_map(bands), wav=_wav(samples, sample_rate))


def heat_map(values: np.ndarray) -> bytes:
    """PNG of a matrix `[height, width]`, dark where low, light where high, rows three pixels high."""
    from PIL import Image

    low, high = (np.percentile(values, share) for share in (1, 99)) if values.size else (0.0, 1.0)
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (len(_PALETTE) - 1)
    colours = [np.interp(scaled, np.arange(len(_PALETTE)), _PALETTE[:, channel]) for channel in range(3)]
    pixels = np.repeat(np.stack(colours, axis=-1).astype(np.uint8), _BAND_PIXELS, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(item.decode("utf-8", "replace") for item in value)
    return " ".join(str(item) for item in value.tolist())
