"""The hooks of a training that decode, and so stand above it."""

from __future__ import annotations

from t2t_multimodel.report.watch.examples import DecodedExamples
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook


def watching_hooks(config: TrainConfig) -> list[Hook]:
    """The hooks that `config` asks for."""
    return [DecodedExamples(config.eval_examples)] if config.eval_examples else []
