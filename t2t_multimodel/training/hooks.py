"""The hooks of every training, by what its configuration asks for."""

from __future__ import annotations

from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.watch.profile import Profile, parse_profile


def standard_hooks(config: TrainConfig) -> list[Hook]:
    """The hooks that `config` asks for, in the order in which they are called."""
    hooks: list[Hook] = []
    if steps := parse_profile(config.profile, config.train_steps, config.output_dir):
        hooks.append(Profile(steps))
    return hooks
