"""One side of an example in a form for people."""

from __future__ import annotations

import dataclasses
from typing import Any

from t2t_multimodel.data.vocabulary.load import AnyVocabulary


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of an example.

    Attributes:
        size: its length with the unit, such as ``"12 ids"``.
        text: what it says, or of what kind the image or audio is.
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
class SideContext:
    """What a side is shown with.

    Attributes:
        vocabulary: of the data, or None where no side is text.
        label_names: names of the classes, or None.
        modalities: hparams group, for spectrograms and image sizes.
        sentence: the text of the example's input, which has the words of a tree.
    """

    vocabulary: AnyVocabulary | None
    label_names: list[str] | None
    modalities: Any
    sentence: str = ""
