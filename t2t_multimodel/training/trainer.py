"""The training of one run: reads the data, builds and restores the model, and runs the loop with its actions."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from t2t_multimodel import paths
from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.data_folder import class_names, has_examples
from t2t_multimodel.data.input.static_shapes import describe_shapes
from t2t_multimodel.errors import StorageError, TrainingError
from t2t_multimodel.hparams.weights import parse_weights
from t2t_multimodel.mesh.experts import make_mesh
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.assets import save_label_names, save_vocabulary
from t2t_multimodel.runs.checkpoint import Checkpointer, has_checkpoints
from t2t_multimodel.runs.layout import EVENTS
from t2t_multimodel.runs.lock import run_lock
from t2t_multimodel.runs.metrics_log import (
    append_records,
    forget_records_after,
    format_table,
    is_of_training,
    read_records,
)
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.cost.fit import check_weights, fitted
from t2t_multimodel.training.cost.processor import bfloat16_notice
from t2t_multimodel.training.distribution.devices import LocalDevices
from t2t_multimodel.training.distribution.joint_step import Part
from t2t_multimodel.training.distribution.step_runner import StepRunner
from t2t_multimodel.training.distribution.workers import StopTogether, Workers
from t2t_multimodel.training.evaluation import Evaluator, with_ema
from t2t_multimodel.training.hooks import standard_hooks
from t2t_multimodel.training.loop.actions import Every, Report, Save
from t2t_multimodel.training.loop.controller import Action, Controller
from t2t_multimodel.training.loop.health import Health
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.loop.stop import StopOnSignal, Stopped
from t2t_multimodel.training.mixing import make_mixer
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.run_data import RunData, build_model, read_data
from t2t_multimodel.training.strategies import check_strategy, make_strategy
from t2t_multimodel.training.warm_start import warm_start
from t2t_multimodel.training.watch.events import Events
from t2t_multimodel.training.watch.training_log import TrainingLog, open_log


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


def make_trainer(
    config: TrainConfig, *, strategy: tf.distribute.Strategy | None = None, hooks: Iterable[Hook] = ()
) -> Trainer:
    """Reads the data, builds the model, and restores or warm-starts it.

    Args:
        config: what to do.
        strategy: devices to train on; that of `config` by default.
        hooks: take part in the training, after those that `config` asks for.

    Raises:
        MultiModelError: data, vocabulary or checkpoint do not fit; the message says which and what to do.
    """
    strategy = strategy or _strategy_of(config)
    mesh = make_mesh(config.strategy, config.mesh_shape, config.hparams)
    data = read_data(config)
    if mesh is None and strategy.num_replicas_in_sync == 1:
        check_weights(data.manifest)
    model, optimizer = build_model(data.manifest, strategy, mesh)
    trainer = Trainer(config, data=data, strategy=strategy, model=model, optimizer=optimizer, hooks=hooks)
    if has_checkpoints(config.output_dir):
        trainer.restore()
    elif config.warm_start_from:
        line = warm_start(model.named_variables(), data.manifest, data.vocabulary, config.warm_start_from)
        if optimizer.averages is not None:
            optimizer.averages.start()
        trainer.say(line)
    with trainer.workers.needed(config.output_dir):
        trainer.workers.check_step(trainer.step)
    return trainer


class Trainer:
    """One run: its data, model, optimizer and checkpoints, and the loop over them. `make_trainer` makes one.

    Args:
        config: what to do.
        data: of `read_data`.
        strategy: devices to train on.
        model, optimizer: of `build_model`, on these devices.
        hooks: take part in the training, after those that `config` asks for.

    Attributes:
        loss_weights: factor of each problem's loss.
        workers: the processes that train together.
        vocabulary: of the data, or None where no problem has text.
        events: of TensorBoard; of several workers the chief's are written.
        runner: makes the steps.
        save_wanted: set by a hook that needs a checkpoint of the step just made; a save resets it.

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
        optimizer: Optimizer,
        hooks: Iterable[Hook] = (),
    ):
        self.config, self.strategy, self.model, self.optimizer = config, strategy, model, optimizer
        self.workers, self._devices = Workers(strategy), LocalDevices(strategy)
        self.manifest, self.tasks, self.inputs = data.manifest, data.tasks, data.inputs
        self.vocabulary = data.vocabulary
        self.mixer = make_mixer(config, data.tasks, data.inputs)
        weights = parse_weights(config.hparams.mixing.loss_weights, "mixing.loss_weights")
        self.loss_weights = {name: weights.get(name, task.problem.loss_weight) for name, task in self.tasks.items()}
        self.checkpointer = Checkpointer(
            config.output_dir,
            model=model.named_variables(),
            optimizer=optimizer.named_variables(),
            averages=optimizer.averages and optimizer.averages.named_variables(),
            keep=config.keep_checkpoints,
        )
        self.evaluator = Evaluator(
            model,
            config.data_dir,
            "dev",
            seed=config.seed,
            strict=config.strict,
            devices=self._devices,
            total=self.workers.total,
        )
        self.evaluated = evaluated_tasks(config, self.tasks.values(), self.evaluator)
        self.events = Events(f"{config.output_dir}/{EVENTS}" if self.workers.chief else None)
        self.hooks = [*standard_hooks(config), *hooks]
        self._controller, self._restored = Controller(self.train_step), 0
        self._last_records: list[dict[str, Any]] | None = None
        self._ended = self.save_wanted = False
        self.runner = StepRunner(
            model, optimizer, strategy, self._devices, seed=config.seed, train_steps=config.train_steps
        )
        self._batches: dict[str, Iterator[tuple[int, Mapping[str, tf.Tensor]]]] = {}

    @property
    def step(self) -> int:
        """Number of steps finished."""
        return self._controller.step

    def restore(self) -> None:
        """Takes up the newest checkpoint that is whole."""
        state = self.checkpointer.restore()
        self._controller.step = self._restored = int(state["step"])
        self.mixer.restore(state["mixing"])
        for hook in self.hooks:
            if hook.name in (found := state.get("hooks", {})):
                hook.restore(found[hook.name])
        self.say(f"continuing at step {self.step} from {self.checkpointer.latest}")

    def say(self, line: str) -> None:
        """Writes a line to stderr; of several workers the chief does."""
        if self.workers.chief:
            print(line, file=sys.stderr, flush=True)

    def run(self, actions: Iterable[Action] = ()) -> list[dict[str, Any]]:
        """Trains to the last step, as the owner of its folder.

        Args:
            actions: called after each step, after those that report, evaluate and save.

        Returns:
            the records of the last evaluation; empty where no problem has a dev split.

        Raises:
            TrainingError: another trainer owns the folder, or too many steps in a row were not finite.
            CheckpointError: the last step cannot be saved.
            SystemExit: SIGTERM stopped the training, and all steps are saved; its status is 0.
            KeyboardInterrupt: SIGINT did.
        """
        with _owned(self.config, self.strategy), StopOnSignal() as stop:
            return self._run(stop, actions)

    def _run(self, stop: StopOnSignal, actions: Iterable[Action]) -> list[dict[str, Any]]:
        config, start = self.config, self.step
        if self.workers.chief:
            self.write_run_files()
        for name, source in self.inputs.items():
            if source.static_shapes is not None:
                self.say(f"XLA compiles a step for {describe_shapes(source.static_shapes.all())} of {name}")
        if start >= config.train_steps:
            self.say(f"{config.output_dir} is at step {start}: no steps to train")
        elif config.hparams.compute.precision == "bfloat16":
            self.say(bfloat16_notice())
        health = Health(config.hparams.optimizer.max_skipped_steps, step=start)
        try:
            with open_log(self) as log, self.workers.needed(config.output_dir):
                over = [hook.begin(self) for hook in self.hooks]
                self._ended = any(over)
                self._train(health, stop, log, actions)
                records = self._finish(health, stop, log)
        except Stopped:
            records = []
        finally:
            for hook in self.hooks:
                hook.leave()
        if stop.signal is not None:
            self._save_unless_saved()
            place = f"at step {self.step}, saved as {self.checkpointer.latest}"
            self.say(f"stopped by {stop.signal.name} {place}; run the same command to go on")
            stop.leave()
        return records

    def _train(self, health: Health, stop: StopOnSignal, log: TrainingLog, actions: Iterable[Action]) -> None:
        """The steps, with what is done beside them."""
        config = self.config

        def evaluate(step: int) -> bool:
            self.evaluate(log, stop)
            return self._ended

        if self._ended or (self._owes_evaluation() and evaluate(self.step)):
            return
        standard = [
            Report(log),
            health,
            Every(config.eval_frequency, evaluate, log),
            *(hook.stepped for hook in self.hooks),
            Save(config.save_steps, self.save, health, log, wanted=lambda: self.save_wanted),
        ]
        self._controller.run(config.train_steps, [*standard, *actions, StopTogether(stop, self.workers)])
        log.flush(self.step)

    def _finish(self, health: Health, stop: StopOnSignal, log: TrainingLog) -> list[dict[str, Any]]:
        """Saves the last step and evaluates it; weights that are no good are not kept."""
        good = health.check()
        if summary := health.summary():
            self.say(summary)
        if health.failure is not None:
            if not health.in_a_row:  # one problem's steps alone: the weights serve the others
                self._save_unless_saved()
            raise self._unhealthy(health.failure, health.proven if health.in_a_row else None)
        self._save_unless_saved()
        if (records := self._last_records) is None:
            records = self.evaluate(log, stop)
        self.workers.total(0.0)  # a worker that leaves ends the others
        finite = [math.isfinite(record["loss"]) for record in records]
        if not (any(finite) if records else good):
            raise self._unhealthy("the loss of these weights is not finite", health.proven)
        for hook in self.hooks:
            hook.end(records)
        return records

    def _at_once(self, stop: StopOnSignal | None):
        """The block in which a signal ends an evaluation; where others wait, it is heeded after the next step."""
        return stop.at_once() if stop is not None and self.workers.alone else contextlib.nullcontext()

    def _unhealthy(self, why: str, doubtful_from: int | None) -> TrainingError:
        """The error that ends a training; checkpoints that this session made of doubtful weights are set aside."""
        folder = self.config.output_dir
        for step in checkpoint_files.steps(folder):
            doubtful = doubtful_from is not None and step >= doubtful_from and step != self._restored
            if doubtful and self.workers.chief:
                path = checkpoint_files.path_of(folder, step)
                print_warning(f"{path} gave no finite loss; it is renamed to {checkpoint_files.set_aside(path)}")
        steps = checkpoint_files.steps(folder)
        good = (
            f"the last good checkpoint is {checkpoint_files.path_of(folder, steps[-1])}" if steps else "none was saved"
        )
        return TrainingError(
            f"training stopped at step {self.step}: {why}, {good}; lower optimizer.learning_rate, or mend the data, and"
            " run again"
        )

    def _save_unless_saved(self) -> None:
        if not (self.checkpointer.latest or "").endswith(f"-{self.step}"):
            self.save()

    def _owes_evaluation(self) -> bool:
        """Whether a signal cut the evaluation that belonged to the step at which the run continues."""
        every, step = self.config.eval_frequency, self.step
        if not every or not step or step % every or step >= self.config.train_steps:
            return False
        found = filter(is_of_training, read_records(self.config.output_dir))
        return all(record["step"] != step for record in found)

    def write_run_files(self) -> None:
        """Clears what a broken session left; writes all that makes the folder usable without the data."""
        config = self.config
        storage.at(config.output_dir).mkdir(parents=True, exist_ok=True)
        checkpoint_files.clear_leftovers(config.output_dir)
        forget_records_after(config.output_dir, self.step)
        self.manifest.save(config.output_dir)
        if self.vocabulary is not None:
            save_vocabulary(config.output_dir, self.vocabulary, config.data_dir)
        classes = [name for name, task in self.tasks.items() if not task.problem.targets.autoregressive]
        names = {name: class_names(config.data_dir, name) for name in classes}
        save_label_names(config.output_dir, {name: found for name, found in names.items() if found})

    def train_step(self, step: int) -> tuple[str, Mapping[str, Any]]:
        """Trains what the mixer chooses for `step`; gives the problem's name and the step's values.

        Where the parts of a step are of different problems, their names are joined by "+", and ``parts`` holds (name,
        values) of each.
        """
        self._last_records = None
        chosen = self.mixer.choose(step, self.runner.parts)
        parts = [
            Part(self.tasks[name], self.loss_weights[name], self._batch(name, number, self.runner.takes(place)))
            for place, (name, number) in enumerate(chosen)
        ]
        values, of_parts = self.runner(parts, step)
        name, number = chosen[0]
        if self.mixer.needs_losses and math.isfinite(loss := float(values["loss"])):
            self.mixer.observe(name, loss)
        if not of_parts:
            return name, {**values, "batch": number}
        each = [(name, {**part, "batch": number}) for (name, number), part in zip(chosen, of_parts)]
        return "+".join(dict.fromkeys(name for name, _ in chosen)), {**values, "batch": number, "parts": each}

    def _batch(self, name: str, number: int, wanted: bool) -> Mapping[str, tf.Tensor] | None:
        """The batch `number` of a problem, which is read after those before it; None where another process reads it."""
        if not wanted:
            return None
        if name not in self._batches:
            self._batches[name] = enumerate(self.inputs[name].train(number), number)
        return next(batch for found, batch in self._batches[name] if found == number)

    @property
    def traces(self) -> dict[tuple[str, str], int]:
        """How often train steps were traced for each pair of modality nets: once for each batch signature."""
        return self.runner.traces

    def save(self) -> str:
        """Writes a checkpoint of this step, unless another worker does; returns its path."""
        self.save_wanted = False
        if not self.workers.chief:
            return ""
        hooks = {hook.name: hook.state() for hook in self.hooks if hook.name}
        path = self.checkpointer.save(self.step, {"mixing": self.mixer.state(), "hooks": hooks})
        for hook in self.hooks:
            hook.saved(path)
        return path

    def _score(self, stop: StopOnSignal | None) -> list[dict[str, Any]]:
        """A record of each problem that has a dev split."""
        with self._at_once(stop):
            batches = self.config.eval_steps or None
            return [self.evaluator.evaluate(task, step=self.step, max_batches=batches) for task in self.evaluated]

    def evaluate(self, log: TrainingLog | None = None, stop: StopOnSignal | None = None) -> list[dict[str, Any]]:
        """Scores every problem that has a dev split and appends the records to metrics.jsonl.

        Where weights are averaged, scores of the averages stand in the same records, as ``ema_NAME``.

        Args:
            log: also gets the records, for TensorBoard.
            stop: breaks the scoring off at a signal.
        """
        records = self._score(stop)
        if (averages := self.optimizer.averages) is not None:
            with averages.in_place():
                records = [with_ema(*pair) for pair in zip(records, self._score(stop))]
        try:
            if self.workers.chief:
                append_records(self.config.output_dir, records)
        except (OSError, StorageError) as error:
            why = paths.describe_os_error(error) if isinstance(error, OSError) else error
            print_warning(f"this evaluation is not kept: {why}")
            print(format_table(records), file=sys.stderr)
        if log is not None:
            log.evaluation(records)
        self._last_records = records
        wishes = [hook.evaluated(records) for hook in self.hooks]
        self._ended = any(wishes)
        return records


def train(
    config: TrainConfig,
    *,
    strategy: tf.distribute.Strategy | None = None,
    actions: Iterable[Action] = (),
    hooks: Iterable[Hook] = (),
) -> list[dict[str, Any]]:
    """Runs a training to its last step, from its newest checkpoint if there is one.

    Args:
        config: what to do.
        strategy: devices to train on; that of `config` by default.
        actions: called after each step, see `Controller.run`.
        hooks: take part in the training, see `training.loop.hook.Hook`.

    Returns:
        the records of the last evaluation, as `metrics.jsonl` keeps them; empty where no problem has a dev split, or
        only a dry run was asked for.

    Raises:
        MultiModelError: data, vocabulary or checkpoint do not fit, another trainer owns `output_dir`, or the loss stays
            not finite; the message says which and what to do.
        SystemExit: SIGTERM stopped the training, and all steps are saved; its status is 0.
        KeyboardInterrupt: SIGINT did.

    Example:
        hparams = registry.hparams("multimodel_mini")
        train(
            TrainConfig(
                problems=("mini_parsing",), hparams=hparams, data_dir="data", output_dir="run", train_steps=100
            )
        )
    """
    config = fitted(config)
    if config.dry_run == "only":
        return []
    strategy = strategy or _strategy_of(config)
    with _owned(config, strategy), StopOnSignal() as stop:
        try:
            with stop.at_once():
                trainer = make_trainer(config, strategy=strategy, hooks=hooks)
        except Stopped:
            stop.leave()
        return trainer._run(stop, actions)


def _strategy_of(config: TrainConfig) -> tf.distribute.Strategy:
    check_strategy(config.strategy, config.hparams)
    return make_strategy(config.strategy, config.replicas, config.tpu)


def _owned(config: TrainConfig, strategy: tf.distribute.Strategy) -> contextlib.AbstractContextManager[None]:
    """The block in which the run folder is ours; of several workers it is the chief's."""
    return run_lock(config.output_dir) if Workers(strategy).chief else contextlib.nullcontext()
