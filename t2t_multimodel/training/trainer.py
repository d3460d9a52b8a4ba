"""The training of one run: reads the data, builds and restores the model, and runs the loop with its actions."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.data.data_folder import class_names, data_vocabulary, has_examples
from t2t_multimodel.data.input.mixing import ProblemMixer, parse_weights
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.assets import save_label_names, save_vocabulary
from t2t_multimodel.runs.checkpoint import Checkpointer
from t2t_multimodel.runs.manifest import FILE, Manifest, new_manifest
from t2t_multimodel.runs.metrics_log import append_records, forget_records_after
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.actions import Every, Report
from t2t_multimodel.training.controller import Action, Controller
from t2t_multimodel.training.evaluation import Evaluator
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.step import make_train_step
from t2t_multimodel.training.strategies import make_strategy
from t2t_multimodel.training.training_log import TrainingLog
from t2t_multimodel.training.warm_start import warm_start


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
        replicas: devices to train on; 0 takes all GPUs, else one device.
        strict: damaged records are fatal.
        warm_start_from: a run or checkpoint whose weights a new run starts from; a run that continues ignores it.
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run reads.

    Attributes:
        vocabulary: of the data folder, or None where no problem has text.
        manifest: of the run: a new one, or that of the run that continues with what this session adds.
        tasks: the problems of this session by name.
        inputs: their training splits by name.
    """

    vocabulary: AnyVocabulary | None
    manifest: Manifest
    tasks: dict[str, Task]
    inputs: dict[str, ProblemInput]


def read_data(config: TrainConfig) -> RunData:
    """Opens the data of a run and finds out which model it trains.

    Raises:
        MultiModelError: data, vocabulary and the run in `output_dir` do not fit together.
    """
    problems = [registry.problem(name) for name in config.problems]
    vocabulary = data_vocabulary(config.data_dir, problems)
    manifest = new_manifest(config.hparams, problems, vocabulary, config.seed)
    if (pathlib.Path(config.output_dir) / FILE).exists():
        manifest = Manifest.load(config.output_dir).merged(manifest)
    tasks = {task.name: task for task in manifest.tasks(config.problems)}
    inputs = {
        name: ProblemInput(
            task.problem, config.data_dir, "train", config.hparams, seed=config.seed, strict=config.strict
        )
        for name, task in tasks.items()
    }
    return RunData(vocabulary=vocabulary, manifest=manifest, tasks=tasks, inputs=inputs)


def build_model(manifest: Manifest, strategy: tf.distribute.Strategy) -> tuple[MultiModel, Adam]:
    """The run's model and its optimizer, with initial values, on the devices of `strategy`."""
    with strategy.scope():
        model = manifest.make_model()
        trainable = {variable.path: variable.value for variable in model.trainable_variables}
        return model, make_optimizer(trainable, manifest.hparams.optimizer)


def evaluated_tasks(config: TrainConfig, tasks: Iterable[Task], evaluator: Evaluator) -> list[Task]:
    """The tasks that have a dev split, opened; the others are named on stderr.

    Raises:
        DataError: a dev split is damaged.
    """
    found = []
    for task in tasks:
        if has_examples(config.data_dir, task.problem, "dev"):
            evaluator.inputs(task)
            found.append(task)
        else:
            print(f"{task.name} has no dev split in {config.data_dir}: trained, but not evaluated", file=sys.stderr)
    return found


def make_trainer(config: TrainConfig, *, strategy: tf.distribute.Strategy | None = None) -> Trainer:
    """Reads the data, builds the model, and restores or warm-starts it.

    Args:
        config: what to do.
        strategy: devices to train on; `make_strategy(config.replicas)` by default.

    Raises:
        MultiModelError: data, vocabulary or checkpoint do not fit; the message says which and what to do.
    """
    data = read_data(config)
    strategy = strategy or make_strategy(config.replicas)
    model, optimizer = build_model(data.manifest, strategy)
    trainer = Trainer(config, data=data, strategy=strategy, model=model, optimizer=optimizer)
    if trainer.checkpointer.latest is not None:
        trainer.restore()
    elif config.warm_start_from:
        line = warm_start(model.named_variables(), data.manifest, data.vocabulary, config.warm_start_from)
        print(line, file=sys.stderr)
    return trainer


class Trainer:
    """One run: its data, model, optimizer and checkpoints, and the loop over them. `make_trainer` makes one.

    Args:
        config: what to do.
        data: of `read_data`.
        strategy: devices to train on.
        model, optimizer: of `build_model`, on these devices.

    Attributes:
        loss_weights: factor of each problem's loss.

    Example:
        trainer = make_trainer(config)
        records = trainer.run()
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        data: RunData,
        strategy: tf.distribute.Strategy,
        model: MultiModel,
        optimizer: Adam,
    ):
        self.config, self.strategy, self.model, self.optimizer = config, strategy, model, optimizer
        self.manifest, self.tasks, self.inputs = data.manifest, data.tasks, data.inputs
        self._vocabulary = data.vocabulary
        examples = {name: source.examples for name, source in data.inputs.items()}
        mixing = config.hparams.mixing
        self.mixer = ProblemMixer(config.problems, examples, mixing, seed=config.seed)
        weights = parse_weights(mixing.loss_weights, "mixing.loss_weights")
        self.loss_weights = {name: weights.get(name, task.problem.loss_weight) for name, task in self.tasks.items()}
        self.checkpointer = Checkpointer(
            config.output_dir,
            model=model.named_variables(),
            optimizer=optimizer.named_variables(),
            keep=config.keep_checkpoints,
        )
        self.evaluator = Evaluator(model, config.data_dir, "dev", seed=config.seed, strict=config.strict)
        self.evaluated = evaluated_tasks(config, self.tasks.values(), self.evaluator)
        self._controller = Controller(self.train_step)
        self._train_steps: dict[Hashable, Callable] = {}
        self._batches: dict[str, Any] = {}

    @property
    def step(self) -> int:
        """Number of steps finished."""
        return self._controller.step

    def restore(self) -> None:
        """Takes up the newest checkpoint."""
        state = self.checkpointer.restore()
        self._controller.step = int(state["step"])
        self.mixer.restore(state["mixing"])
        forget_records_after(self.config.output_dir, self.step)
        print(f"continuing at step {self.step} from {self.checkpointer.latest}", file=sys.stderr)

    def run(self, actions: Iterable[Action] = ()) -> list[dict[str, Any]]:
        """Trains to the last step.

        Args:
            actions: called after each step, after those that report, evaluate and save.

        Returns:
            the records of the last evaluation; empty where no problem has a dev split.
        """
        config = self.config
        self.write_run_files()
        if self.step >= config.train_steps:
            print(f"{config.output_dir} is at step {self.step}: no steps to train", file=sys.stderr)
        log = TrainingLog(train_steps=config.train_steps, start=self.step, summary_dir=f"{config.output_dir}/events")
        standard = [
            Report(log),
            Every(config.eval_frequency, lambda step: self.evaluate(log), log),
            Every(config.save_steps, lambda step: self.save(), log),
        ]
        self._controller.run(config.train_steps, [*standard, *actions])
        log.flush(self.step)
        if not (self.checkpointer.latest or "").endswith(f"-{self.step}"):
            self.save()
        return self.evaluate(log)

    def write_run_files(self) -> None:
        """Writes manifest, vocabulary and class names, so that the folder needs no data to be used."""
        config = self.config
        pathlib.Path(config.output_dir).mkdir(parents=True, exist_ok=True)
        self.manifest.save(config.output_dir)
        if self._vocabulary is not None:
            save_vocabulary(config.output_dir, self._vocabulary, config.data_dir)
        classes = [name for name, task in self.tasks.items() if not task.problem.targets.autoregressive]
        names = {name: class_names(config.data_dir, name) for name in classes}
        save_label_names(config.output_dir, {name: found for name, found in names.items() if found})

    def train_step(self, step: int) -> tuple[str, Mapping[str, tf.Tensor]]:
        """Trains one batch of the problem that the mixer chooses for `step`; gives its name and the step's values."""
        name, number = self.mixer.choose(step)
        if name not in self._batches:
            self._batches[name] = self.inputs[name].train(number)
        task = self.tasks[name]
        values = self._step_of(task)(
            next(self._batches[name]),
            tf.constant(task.command, tf.int32),
            tf.constant(self.loss_weights[name], tf.float32),
            tf.constant(step, tf.int64),
        )
        if self.mixer.needs_losses:
            self.mixer.observe(name, float(values["loss"]))
        return name, values

    def _step_of(self, task: Task) -> Callable[..., Mapping[str, tf.Tensor]]:
        """The traced step of the tasks with this one's modality nets and batch signature."""
        key = task.step_key(self.model.hparams.modalities)
        if key not in self._train_steps:
            self._train_steps[key] = make_train_step(
                self.model,
                self.optimizer,
                self.strategy,
                task,
                seed=self.config.seed,
                train_steps=self.config.train_steps,
            )
        return self._train_steps[key]

    @property
    def traces(self) -> dict[tuple[str, str], int]:
        """How often train steps were traced for each pair of modality nets: once for each batch signature."""
        counts: dict[tuple[str, str], int] = {}
        for (pair, _), step in self._train_steps.items():
            counts[pair] = counts.get(pair, 0) + step.experimental_get_tracing_count()
        return counts

    def save(self) -> str:
        """Writes a checkpoint of this step; returns its path."""
        return self.checkpointer.save(self.step, {"mixing": self.mixer.state()})

    def evaluate(self, log: TrainingLog | None = None) -> list[dict[str, Any]]:
        """Scores every problem that has a dev split and appends the records to metrics.jsonl.

        Args:
            log: also gets the records, for TensorBoard.
        """
        records = [
            self.evaluator.evaluate(task, step=self.step, max_batches=self.config.eval_steps or None)
            for task in self.evaluated
        ]
        append_records(self.config.output_dir, records)
        if log is not None:
            log.evaluation(records)
        return records


def train(config: TrainConfig, *, strategy: tf.distribute.Strategy | None = None) -> list[dict[str, Any]]:
    """Runs a training to its last step, from its newest checkpoint if there is one.

    Args:
        config: what to do.
        strategy: devices to train on; `make_strategy(config.replicas)` by default.

    Returns:
        the records of the last evaluation, as `metrics.jsonl` keeps them; empty where no problem has a dev split.

    Raises:
        MultiModelError: data, vocabulary or checkpoint do not fit; the message says which and what to do.

    Example:
        hparams = registry.hparams("multimodel_mini")
        train(
            TrainConfig(
                problems=("mini_parsing",), hparams=hparams, data_dir="data", output_dir="run", train_steps=100
            )
        )
    """
    return make_trainer(config, strategy=strategy).run()
