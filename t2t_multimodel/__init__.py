"""MultiModel: one network that learns many tasks of many modalities.

    import t2t_multimodel as t2t

    t2t.generate_data("mini", data_dir="data")
    t2t.train("mini", hparams_set="multimodel_mini", data_dir="data", output_dir="run", train_steps=2000)
    t2t.load("run").generate("mini_translate_ende", ["a small red circle"])

Importing this package imports neither TensorFlow nor any problem; names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t2t_multimodel.api import generate_data, load, train
    from t2t_multimodel.decoding.output import Beam, Output
    from t2t_multimodel.trained_model import TrainedModel

__version__ = "0.2.0"
__all__ = ["Beam", "Output", "TrainedModel", "generate_data", "load", "train"]

_HOMES = {
    "generate_data": "t2t_multimodel.api",
    "load": "t2t_multimodel.api",
    "train": "t2t_multimodel.api",
    "Beam": "t2t_multimodel.decoding.output",
    "Output": "t2t_multimodel.decoding.output",
    "TrainedModel": "t2t_multimodel.trained_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
