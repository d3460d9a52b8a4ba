"""The hooks of every training, by what its configuration asks for."""

from __future__ import annotations

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.keep.best_checkpoint import BestCheckpoint
from t2t_multimodel.training.keep.early_stop import EarlyStop
from t2t_multimodel.training.keep.known_metrics import choose_metric
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.mixing import WatchMix
from t2t_multimodel.training.tasks.hook import TaskGradients
from t2t_multimodel.training.track.hook import Tracking
from t2t_multimodel.training.track.make import make_tracker
from t2t_multimodel.training.watch.profile import Profile, parse_profile


def standard_hooks(config: TrainConfig) -> list[Hook]:
    """The hooks that `config` asks for, in the order in which they are called.

    Raises:
        TrainingError: options do not fit together, or a metric is unknown.
    """
    hooks: list[Hook] = [WatchMix(config)] if len(config.problems) > 1 else []
    hooks += _keeping(config)
    if config.task_gradients:
        hooks.append(TaskGradients(config.task_gradients))
    if steps := parse_profile(config.profile, config.train_steps, config.output_dir):
        hooks.append(Profile(steps))
    if config.tracking:
        hooks.append(Tracking(make_tracker(config.tracking, config.output_dir), config.tracking))
    return hooks


def _keeping(config: TrainConfig) -> list[Hook]:
    metric = choose_metric(config.best_metric, config.problems, averages=config.hparams.optimizer.ema_decay > 0)
    if config.early_stop_patience and (metric is None or not config.eval_frequency):
        wanted = "best_metric" if metric is None else "eval_frequency (--local_eval_frequency)"
        raise TrainingError(f"early_stop_patience needs evaluations of a metric; give {wanted} as well")
    hooks = [] if metric is None else [BestCheckpoint(metric)]
    if config.early_stop_patience:
        stop = EarlyStop(metric, patience=config.early_stop_patience, min_delta=config.early_stop_min_delta)
        hooks.append(stop)
    return hooks
