"""What image and audio problems share: turning a path given to the decoder into a raw input."""

from __future__ import annotations

import numpy as np

from t2t_multimodel.data.specs import AudioSpec
from t2t_multimodel.problems.readers import audio as audio_io
from t2t_multimodel.problems.readers import image as image_io


class ImageInputMixin:
    """For problems whose inputs are pictures; stands before `Problem` in the bases."""

    def prepare_input(self, value: str) -> bytes:
        """The checked, encoded picture of the file `value` names.

        Raises:
            DecodeError: the file cannot be read as a picture.
        """
        return image_io.read_image_file(value.strip())


class AudioInputMixin:
    """For problems whose inputs are sound; stands before `Problem` in the bases."""

    inputs: AudioSpec

    def prepare_input(self, value: str) -> np.ndarray:
        """The sound of the file `value` names, `[samples]` float32 at the problem's rate.

        Raises:
            DecodeError: the file cannot be read as sound.
        """
        return audio_io.read_audio_file(value.strip(), self.inputs.sample_rate)
