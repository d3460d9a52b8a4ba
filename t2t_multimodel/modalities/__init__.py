"""Modalities: one room each, with spec, record features, parser, length unit, net and raw input.

`from t2t_multimodel.modalities import SymbolSpec` gives the spec of a room without importing TensorFlow. A user's own
modality is a spec of this kind in a folder of `--t2t_usr_dir` (docs/new_modality.md).
"""

from t2t_multimodel.modalities.audio.spec import AudioSpec
from t2t_multimodel.modalities.class_label.spec import ClassLabelSpec
from t2t_multimodel.modalities.image.spec import ImageSpec
from t2t_multimodel.modalities.text.spec import SymbolSpec

__all__ = ["AudioSpec", "ClassLabelSpec", "ImageSpec", "SymbolSpec"]
