"""The training run: which problem next, when to evaluate, when to save."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.runs.checkpoint import Checkpointer
from t2t_multimodel.runs.manifest import FILE, Manifest, new_manifest
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training import evaluation
from t2t_multimodel.training.data import data_vocabulary, has_examples
from t2t_multimodel.training.evaluator import Evaluator
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.step import make_train_step
from t2t_multimodel.training.training_log import Progress
from t2t_multimodel.training.warm_start import warm_start


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a training run is told.

    Attributes:
        problems: names of registered problems.
        hparams: all hyperparameters.
        data_dir: generated data.
        output_dir: checkpoints, events and metrics.
        train_steps: the last step.
        eval_steps: batches of each evaluation during training; 0 takes the whole split.
        eval_frequency: steps between evaluations; 0 evaluates at the end alone.
        save_steps: steps between checkpoints; one is always written at the end.
        keep_checkpoints: how many are kept.
        seed: of initialisation, order and noise.
        replicas: devices to train on; 0 takes all GPUs, else one device.
        strict: damaged records are fatal.
        warm_start_from: a run or checkpoint whose weights a new run starts from; no effect on one that continues.
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
    replicas: int = 0
    strict: bool = False
    warm_start_from: str = ""


def make_strategy(replicas: int) -> tf.distribute.Strategy:
    """One device, or MirroredStrategy over several GPUs or, without GPUs, logical devices of the CPU.

    Args:
        replicas: how many; 0 takes all GPUs, else one device.

    Raises:
        MultiModelError: fewer devices than asked for.
    """
    gpus = tf.config.list_physical_devices("GPU")
    wanted = replicas or max(len(gpus), 1)
    if wanted == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _split_cpu(wanted)
    devices = tf.config.list_logical_devices("GPU" if gpus else "CPU")
    if wanted > len(devices):
        raise MultiModelError(f"{wanted} replicas asked for, {len(devices)} devices found; lower --replicas")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:wanted]])


def _split_cpu(devices: int) -> None:
    """Makes logical devices of the CPU, as long as TensorFlow has not started to use it."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)


class Trainer:
    """Trains one model on the problems of a run, and continues where an earlier session stopped.

    Args:
        config: what to do.
        strategy: where; `make_strategy(config.replicas)` unless given.

    Raises:
        MultiModelError: data, vocabulary or checkpoint do not fit; the message says which and what to do.
    """

    def __init__(self, config: TrainConfig, strategy: tf.distribute.Strategy | None = None):
        self.config = config
        self.strategy = strategy or make_strategy(config.replicas)
        problems = [registry.problem(name) for name in config.problems]
        vocabulary = data_vocabulary(config.data_dir, problems)
        self.manifest = new_manifest(config.hparams, problems, vocabulary, config.seed)
        if (pathlib.Path(config.output_dir) / FILE).exists():
            self.manifest = Manifest.load(config.output_dir).merged(self.manifest)
        self.tasks = {task.name: task for task in self.manifest.tasks(config.problems)}
        self.inputs = {name: self._input(task, "train") for name, task in self.tasks.items()}
        self.mixer = ProblemMixer(
            config.problems,
            {name: source.examples for name, source in self.inputs.items()},
            config.hparams.mixing,
            seed=config.seed,
        )
        with self.strategy.scope():
            self.model = self.manifest.make_model()
            trainable = {variable.path: variable.value for variable in self.model.trainable_variables}
            self.optimizer = make_optimizer(trainable, config.hparams.optimizer)
        self.checkpointer = Checkpointer(
            config.output_dir,
            model=self.model.named_variables(),
            optimizer=self.optimizer.named_variables(),
            keep=config.keep_checkpoints,
        )
        self.step = 0
        self._train_steps: dict[tuple[str, str], Callable] = {}
        self.evaluator = Evaluator(self.model, config.data_dir, "dev", seed=config.seed, strict=config.strict)
        if self.checkpointer.latest is not None:
            self._restore()
        elif config.warm_start_from:
            variables = self.model.named_variables()
            print(warm_start(variables, self.manifest, vocabulary, config.warm_start_from), file=sys.stderr)

    def _input(self, task: Task, split: str) -> ProblemInput:
        config = self.config
        return ProblemInput(
            task.problem, config.data_dir, split, config.hparams, seed=config.seed, strict=config.strict
        )

    def _restore(self) -> None:
        state = self.checkpointer.restore()
        self.step = int(state["step"])
        self.mixer.restore(state["mixing"])
        evaluation.forget_records_after(self.config.output_dir, self.step)
        print(f"continuing at step {self.step} from {self.checkpointer.latest}", file=sys.stderr)

    def run(self) -> list[dict[str, Any]]:
        """Trains to the last step; returns the records of the last evaluation."""
        config = self.config
        pathlib.Path(config.output_dir).mkdir(parents=True, exist_ok=True)
        self.manifest.save(config.output_dir)
        iterators = {
            name: source.train(int(self.mixer.batches[i])) for i, (name, source) in enumerate(self.inputs.items())
        }
        progress = Progress(train_steps=config.train_steps, start=self.step, summary_dir=f"{config.output_dir}/events")
        records: list[dict[str, Any]] = []
        while self.step < config.train_steps:
            name, _ = self.mixer.choose(self.step)
            result = self._train_one(self.tasks[name], next(iterators[name]))
            if self.mixer.needs_losses:
                self.mixer.observe(name, float(result["loss"]))
            self.step += 1
            progress.add(self.step, name, result)
            records = self._actions(progress)
        if not records:
            records = self._evaluate_and_save(progress)
        return records

    def _train_one(self, task: Task, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if task.pair not in self._train_steps:
            self._train_steps[task.pair] = make_train_step(
                self.model,
                self.optimizer,
                self.strategy,
                task,
                seed=self.config.seed,
                train_steps=self.config.train_steps,
            )
        step = self._train_steps[task.pair]
        return step(
            batch,
            tf.constant(task.command, tf.int32),
            tf.constant(task.problem.loss_weight, tf.float32),
            tf.constant(self.step, tf.int64),
        )

    @property
    def traces(self) -> dict[tuple[str, str], int]:
        """How often the train step of each pair of modalities was traced: once, whatever the batches' shapes."""
        return {pair: step.experimental_get_tracing_count() for pair, step in self._train_steps.items()}

    def _actions(self, progress: Progress) -> list[dict[str, Any]]:
        """What is due after a step; gives the records of the last step's evaluation."""
        config = self.config
        if self.step == config.train_steps:
            return self._evaluate_and_save(progress)
        if config.eval_frequency and self.step % config.eval_frequency == 0:
            progress.flush(self.step)
            self.evaluate(progress)
            progress.restart_clock()
        if self.step % config.save_steps == 0:
            self.save()
            progress.restart_clock()
        return []

    def _evaluate_and_save(self, progress: Progress) -> list[dict[str, Any]]:
        if self.checkpointer.latest is None or not self.checkpointer.latest.endswith(f"-{self.step}"):
            self.save()
        return self.evaluate(progress)

    def save(self) -> str:
        """Writes a checkpoint of this step."""
        return self.checkpointer.save(self.step, {"mixing": self.mixer.state()})

    def evaluate(self, progress: Progress | None = None) -> list[dict[str, Any]]:
        """Scores every problem that has a dev split and appends the records to metrics.jsonl."""
        records = [
            self.evaluator.evaluate(task, step=self.step, max_batches=self.config.eval_steps or None)
            for task in self.tasks.values()
            if has_examples(self.config.data_dir, task.name, "dev")
        ]
        evaluation.append_records(self.config.output_dir, records)
        if progress is not None:
            progress.evaluation(records)
        return records


def train(config: TrainConfig) -> list[dict[str, Any]]:
    """Runs a training to its last step; returns the records of the last evaluation."""
    return Trainer(config).run()
