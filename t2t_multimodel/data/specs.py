"""Plain statements of what a problem's inputs and targets are.

A spec carries no TensorFlow object: the model turns it into a modality net, the data generator into TFRecord
features, the input pipeline into tensors. `key` names the modality net; problems whose specs have the same key
share one net.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class SymbolSpec:
    """A sequence of ids of the shared vocabulary, ended by the end token; `[time]` int64.

    Raw value: a `str` (subwords), or a list of words (`str`) and tree labels (`vocabulary.Label`).
    """

    @property
    def key(self) -> str:
        return "symbol"


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """One picture; `[height, width, 3]` after decoding. Raw value: encoded JPEG or PNG `bytes`.

    Args:
        size: side in pixels to which pictures are brought unless hparams say otherwise.
        augment: random crop and flip in training.
    """

    size: int = 64
    augment: bool = True

    @property
    def key(self) -> str:
        return "image"


@dataclasses.dataclass(frozen=True)
class AudioSpec:
    """One channel of sound; `[samples]` float32 in [-1, 1]. Raw value: a NumPy float32 array.

    Args:
        sample_rate: samples a second; readers resample to it.
        augment: SpecAugment masks in training.
    """

    sample_rate: int = 16000
    augment: bool = True

    @property
    def key(self) -> str:
        return "audio"


@dataclasses.dataclass(frozen=True)
class ClassLabelSpec:
    """One of `num_classes` classes, 0-based. Raw value: an `int`."""

    num_classes: int

    @property
    def key(self) -> str:
        return f"class_label_{self.num_classes}"


InputSpec = SymbolSpec | ImageSpec | AudioSpec
TargetSpec = SymbolSpec | ClassLabelSpec
