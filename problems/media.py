"""Shared by image and audio problems: the raw input of a path that the decoder was given."""

from __future__ import annotations

import numpy as np

from t2t_multimodel.data.specs import AudioSpec
from t2t_multimodel.problems.readers import audio as audio_io
from t2t_multimodel.problems.readers import image as image_io


class ImageInputMixin:
    """For problems whose inputs are images; comes before `Problem` in the list of bases."""

    def prepare_input(self, value: str) -> bytes:
        """The checked, encoded image at the path `value`.

        Raises:
            DecodeError: the file cannot be read as an image.
        """
        return image_io.read_image_file(value.strip())


class AudioInputMixin:
    """For problems whose inputs are audio; comes before `Problem` in the list of bases."""

    inputs: AudioSpec

    def prepare_input(self, value: str) -> np.ndarray:
        """The audio at the path `value`, `[samples]` float32 at the problem's rate.

        Raises:
            DecodeError: the file cannot be read as audio.
        """
        return audio_io.read_audio_file(value.strip(), self.inputs.sample_rate)
