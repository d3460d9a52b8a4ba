"""The hooks of every training, by what its configuration asks for."""

from __future__ import annotations

from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.mixing import WatchMix


def standard_hooks(config: TrainConfig) -> list[Hook]:
    """The hooks that `config` asks for, in the order in which they are called."""
    return [WatchMix(config)] if len(config.problems) > 1 else []
