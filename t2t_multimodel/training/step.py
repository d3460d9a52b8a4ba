"""Train and evaluation steps: one traced function for each pair of modalities."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel import observe
from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.kernels.choose import compiled_by_xla, is_compiled_by_xla
from t2t_multimodel.kernels.precision import products_in
from t2t_multimodel.layers.seeds import Seed, SeedStream
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.compiled_step import CompiledStep
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.schedule import learning_rate


@dataclasses.dataclass
class Scores:
    """Sums over a batch, float32 scalars: of negative log-likelihoods (unsmoothed), of targets and of hits."""

    nll: tf.Tensor
    targets: tf.Tensor
    correct: tf.Tensor
    sequences: tf.Tensor
    sequences_correct: tf.Tensor
    top5: tf.Tensor

    def as_dict(self) -> dict[str, tf.Tensor]:
        """The sums by name."""
        return dict(vars(self))


class _Outputs(NamedTuple):
    """What a model gives for the targets of a batch.

    Attributes:
        outputs: hidden states `[targets, depth]` of autoregressive targets, else logits `[targets, classes]`.
        labels: int32 `[targets]`.
        weights: None where these are the valid targets alone. In static shapes they are all, and this is 1 where valid
            and 0 at padding, float32 `[targets]`.
        rows: of each target, `[targets]`, or None in static shapes.
        mixtures: loss and load of each.
    """

    outputs: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor | None
    rows: tf.Tensor | None
    mixtures: list[tuple[tf.Tensor, tf.Tensor]]


def _outputs_of_targets(model: MultiModel, task: Task, batch, training: bool = False, seed: Seed = None) -> _Outputs:
    inputs, spec, targets = task.problem.inputs, task.problem.targets, batch["targets"]
    encoded = model.encode(inputs, batch, training, seed)
    mixtures = [(encoded.loss, encoded.load)]
    if spec.autoregressive:
        hidden, loss, load = model.decode(spec, encoded, targets, batch["command"], training, seed)
        mixtures.append((loss, load))
        outputs = tf.reshape(hidden, [-1, hidden.shape[-1]])
    else:
        outputs = spec.classify(model.nets[spec.key], encoded.positions)
    labels = tf.reshape(targets, [-1])
    real = tf.not_equal(labels, spec.padding)
    if is_compiled_by_xla():
        # Outputs at padding count nothing; what they are is of no account, but a label must be an id.
        return _Outputs(outputs, tf.maximum(labels, 0), tf.cast(real, tf.float32), None, mixtures)
    places = tf.cast(tf.where(real)[:, 0], tf.int32)
    rows = places if targets.shape.rank == 1 else places // tf.shape(targets)[1]
    return _Outputs(tf.gather(outputs, places), tf.gather(labels, places), None, rows, mixtures)


def _score(logits: tf.Tensor, labels: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor) -> Scores:
    logits = tf.cast(logits, tf.float32)
    nll = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    correct = tf.cast(tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels), tf.float32)
    ones = tf.ones_like(correct)
    count = tf.math.unsorted_segment_sum(ones, rows, num_rows)
    hits = tf.math.unsorted_segment_sum(correct, rows, num_rows)
    real = tf.cast(count > 0, tf.float32)
    return Scores(
        nll=tf.reduce_sum(nll),
        targets=tf.reduce_sum(ones),
        correct=tf.reduce_sum(correct),
        sequences=tf.reduce_sum(real),
        sequences_correct=tf.reduce_sum(real * tf.cast(hits >= count, tf.float32)),
        top5=tf.reduce_sum(tf.cast(tf.math.in_top_k(labels, logits, 5), tf.float32)),
    )


@dataclasses.dataclass(frozen=True)
class Gradients:
    """What one part of a step gives; a step's gradients and results are the sums over its parts.

    Attributes:
        values: of the objective, dense, one for each of the variables that it depends on.
        reached: places of these variables among the model's trainable ones.
        results: float32 scalars ``loss``, ``mixture_loss`` and ``token_accuracy``, and the mixtures' loads
            ``load_encoder`` and ``load_decoder`` `[experts]` and importances ``importance_encoder`` and
            ``importance_decoder`` `[experts]`; where experts have a capacity also ``slots``, the choices
            of all tokens, and ``dropped_slots``, those that it had no room for.
    """

    values: list[tf.Tensor]
    reached: list[int]
    results: dict[str, tf.Tensor]


def part_gradients(
    model: MultiModel,
    task: Task,
    batch: Mapping[str, tf.Tensor],
    variables: Sequence[tf.Variable],
    *,
    weight: tf.Tensor,
    total: tf.Tensor,
    parts: int,
    seed: Seed,
) -> Gradients:
    """The gradients of one part of a step.

    Args:
        model: the model.
        task: gives the pair of modalities.
        batch: the part's rows, with ``command``.
        variables: the model's trainable variables on this device.
        weight: of the problem's loss.
        total: real targets of the whole step, 1 or more.
        parts: into how many parts the step is divided.
        seed: of dropout and gate noise.

    Raises:
        HParamsError: all variables that the loss depends on are frozen.
    """
    spec, smoothing = task.problem.targets, model.hparams.regularization.label_smoothing
    with products_in(model.hparams.compute.precision), observe.observing() as seen:
        with tf.GradientTape() as tape:
            outputs, labels, weights, _, mixtures = _outputs_of_targets(model, task, batch, True, seed)
            counted = () if weights is None else (weights,)
            loss, hits = spec.loss_and_hits(model.nets[spec.key], outputs, labels, smoothing, *counted)
            loss /= total
            extra = tf.add_n([m[0] for m in mixtures]) / parts
            objective = loss * weight + extra
        gradients = tape.gradient(objective, list(variables))
    if all(value is None for value in gradients):
        raise HParamsError(
            f"a step of {task.name} trains nothing, all variables that it depends on are frozen; give fewer patterns in"
            " optimizer.freeze"
        )
    found = {place: tf.convert_to_tensor(value) for place, value in enumerate(gradients) if value is not None}
    results = {"loss": loss, "mixture_loss": extra, "token_accuracy": hits / total}
    for name, (_, load) in zip(("load_encoder", "load_decoder"), mixtures):
        if load.shape[0]:
            results[name] = load
    for part in ("encoder", "decoder"):
        paths = [path for path in seen if path.endswith("/importance") and part in path.split("/")]
        if paths:  # of the last mixture, as the load
            results[f"importance_{part}"] = seen[paths[-1]]
    for name in ("slots", "dropped_slots"):
        if counts := [value for path, value in seen.items() if path.endswith(f"/{name}")]:
            results[name] = tf.add_n(counts)
    return Gradients(list(found.values()), list(found), results)


def sum_over_parts(gradients: Gradients) -> Gradients:
    """The sums over all replicas; called within a replica context, by all of them."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return gradients
    values = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients.values))
    results = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients.results)
    return Gradients(values, gradients.reached, results)


def update(
    model: MultiModel, optimizer: Optimizer, gradients: Gradients, *, step: tf.Tensor, train_steps: int
) -> dict[str, tf.Tensor]:
    """Applies a step's gradients, clipped by their norm; gives its results.

    Args:
        model: gives the hyperparameters.
        optimizer: of the model's variables.
        gradients: summed over all parts.
        step: number of the step, int64.
        train_steps: the last step.
    """
    hparams, results = model.hparams, gradients.results
    rate = learning_rate(step, hparams.optimizer, depth=hparams.body.depth, train_steps=train_steps)
    healthy = tf.reduce_all(tf.math.is_finite(results["loss"] + results["mixture_loss"]))
    variables = [model.trainable_variables[place].value for place in gradients.reached]
    norm, updated = optimizer.apply(gradients.values, variables, rate, healthy=healthy, step=step)
    skipped = 1.0 - tf.cast(updated, tf.float32)
    return {**results, "gradient_norm": norm, "learning_rate": rate, "skipped": skipped}


def count_targets(task: Task, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The number of real targets of a batch, a float32 scalar."""
    return tf.reduce_sum(tf.cast(tf.not_equal(batch["targets"], task.problem.targets.padding), tf.float32))


def make_train_step(
    model: MultiModel,
    optimizer: Optimizer,
    strategy: tf.distribute.Strategy,
    task: Task,
    *,
    seed: int,
    train_steps: int,
) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """The train step of all tasks with `task`'s pair of modalities.

    The loss is the mean label-smoothed cross entropy over the real targets of the whole batch, times the problem's
    weight, plus the mixtures' losses; each replica takes an equal share of the rows, and gradients are summed.

    With `compute.compile` ``"xla"`` it is a `CompiledStep`: of a batch in a static shape, such as `StaticShapes` makes,
    all positions go through the model, and those of padding weigh nothing.

    Returns:
        `step(batch, command, weight, step)`, which gives scalars by name, the mixtures' loads ``load_encoder`` and
        ``load_decoder`` `[experts]`, and their importances. Where the loss or the gradient's norm is not finite,
        nothing is updated and ``skipped`` is 1.

    Raises:
        HParamsError: XLA shall compile a step for several devices.
    """
    replicas, static = strategy.num_replicas_in_sync, model.hparams.compute.compile == "xla"

    def replica_step(batch, command, weight, step):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        total = tf.maximum(count_targets(task, batch), 1.0)
        gradients = part_gradients(
            model,
            task,
            {**replica_share(batch, task.problem.targets.padding, replica, replicas), "command": command},
            [variable.value for variable in model.trainable_variables],
            weight=weight,
            total=total,
            parts=replicas,
            seed=SeedStream(seed, step, replica),
        )
        result = update(model, optimizer, sum_over_parts(gradients), step=step, train_steps=train_steps)
        return {**result, "targets": total}

    def train_step(batch, command, weight, step):
        with compiled_by_xla() if static else contextlib.nullcontext():
            result = strategy.run(replica_step, args=(batch, command, weight, step))
        return {name: strategy.experimental_local_results(value)[0] for name, value in result.items()}

    return traced(train_step, model, strategy, task, scalars=(tf.int32, tf.float32, tf.int64))


def traced(
    function: Callable,
    model: MultiModel,
    strategy: tf.distribute.Strategy,
    task: Task,
    *,
    scalars: Sequence[tf.DType],
) -> Callable[..., dict[str, tf.Tensor]]:
    """A function of a batch and scalars, traced once for all batches of a pair of modalities, or for each static shape.

    Args:
        function: calls `strategy.run`.
        model: gives the hyperparameters.
        strategy: devices of the training.
        task: gives the pair of modalities.
        scalars: types of the arguments after the batch.

    Raises:
        HParamsError: XLA shall compile a step for several devices.
    """
    hparams = model.hparams
    if hparams.compute.compile != "xla":
        signature = batch_signature(task.problem.inputs, task.problem.targets, hparams.modalities)
        signatures = [signature, *(tf.TensorSpec([], dtype) for dtype in scalars)]
        return tf.function(function, autograph=False, input_signature=signatures)
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return CompiledStep(function, jit_compile=False)
    if (replicas := strategy.num_replicas_in_sync) > 1:
        raise HParamsError(
            f"hparam compute.compile=xla does not work with {replicas} devices; give --strategy=one_device or"
            " compute.compile=none"
        )
    return CompiledStep(function)


def make_eval_step(model: MultiModel, task: Task) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor], dict]:
    """The evaluation step of all tasks with `task`'s pair: `step(batch, command)` gives `Scores` by name."""
    signature = batch_signature(task.problem.inputs, task.problem.targets, model.hparams.modalities)

    @tf.function(autograph=False, input_signature=[signature, tf.TensorSpec([], tf.int32)])
    def eval_step(batch, command):
        rows = tf.shape(batch["targets"])[0]
        outputs, labels, _, row_of, _ = _outputs_of_targets(model, task, {**batch, "command": command})
        spec = task.problem.targets
        return _score(spec.logits(model.nets[spec.key], outputs), labels, row_of, rows).as_dict()

    return eval_step


def replica_share(batch: Mapping[str, tf.Tensor], padding: int, replica, replicas: int) -> dict[str, tf.Tensor]:
    """The rows of one replica; replicas without rows of their own get filler rows, which `row_mask` marks."""
    if replicas == 1:
        return dict(batch)
    rows = tf.shape(batch["targets"])[0]
    size = -(-rows // replicas)
    start = tf.cast(replica, tf.int32) * size
    indices = tf.range(start, start + size)
    inside = indices < rows
    shared = {name: tf.gather(value, tf.minimum(indices, rows - 1)) for name, value in batch.items()}
    inside &= shared.get("row_mask", True)
    targets = shared["targets"]
    keep = inside if targets.shape.rank == 1 else inside[:, None]
    return {**shared, "targets": tf.where(keep, targets, padding), "row_mask": inside}
