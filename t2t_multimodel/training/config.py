"""What a training run is asked to do."""

from __future__ import annotations

import dataclasses

from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.track.make import parse_tracking
from t2t_multimodel.training.watch.profile import parse_profile


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a training run is asked to do.

    Attributes:
        problems: names of registered problems.
        hparams: all hyperparameters.
        data_dir: generated data.
        output_dir: checkpoints, events and metrics.
        train_steps: the last step.
        eval_steps: batches of each evaluation during training; 0 takes the whole split.
        eval_frequency: steps between evaluations; 0 evaluates only at the end.
        save_steps: steps between checkpoints; the last step always gets one.
        keep_checkpoints: how many are kept.
        seed: of initialization, order and noise.
        strategy: one of `strategies.STRATEGIES`.
        replicas: devices of this process to train on; 0 takes all GPUs, else one device.
        tpu: name or address of the TPU, for the strategy "tpu".
        mesh_shape: of strategy ``"mesh"``, such as ``batch:2;experts:4``.
        strict: damaged records are fatal.
        best_metric: by which the best checkpoint is chosen, ``SCORE`` (its mean over problems) or ``PROBLEM/SCORE``, of
            the scores of evaluations; ``"none"`` keeps none.
        early_stop_patience: so many evaluations in a row without a better value of `best_metric` end the training; 0
            never does.
        early_stop_min_delta: by how much a value must be better to count for that.
        dry_run: ``"off"``; ``"before"`` the training, of the largest batch of each pair of modalities: where it does
            not fit into memory the training does not begin; ``"only"`` that.
        task_gradients: steps between measurements of how the problems' gradients agree; 0 never.
        warm_start_from: a run or checkpoint whose weights a new run starts from; a run that continues ignores it.
        progress: ``"auto"`` shows the training in place where stderr is a terminal, ``"plain"`` prints lines.
        eval_examples: of every problem, decoded at each evaluation for TensorBoard, beside their references.
        tracking: ``mlflow:URI_OR_FOLDER``, ``wandb:PROJECT`` or ``file:PATH``, told of the training.
        profile: ``FIRST:LAST``, steps of which a trace is written for TensorBoard's profiler.

    Raises:
        TrainingError: `tracking` names no tracker, or `profile` are no steps of this training.
    """

    problems: tuple[str, ...]
    hparams: HParams
    data_dir: str
    output_dir: str
    train_steps: int
    eval_steps: int = 0
    eval_frequency: int = 0
    save_steps: int = 1000
    keep_checkpoints: int = 20
    seed: int = 0
    strategy: str = "auto"
    replicas: int = 0
    tpu: str = ""
    mesh_shape: str = ""
    strict: bool = False
    best_metric: str = "relative_loss"
    early_stop_patience: int = 0
    early_stop_min_delta: float = 0.0
    dry_run: str = "off"
    task_gradients: int = 0
    warm_start_from: str = ""
    progress: str = "auto"
    eval_examples: int = 0
    tracking: str = ""
    profile: str = ""

    def __post_init__(self):
        parse_tracking(self.tracking)
        parse_profile(self.profile, self.train_steps, self.output_dir)
