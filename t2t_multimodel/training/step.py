"""Train and evaluation steps: one traced function for each pair of modalities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.specs import ClassLabelSpec
from t2t_multimodel.kernels.linear_cross_entropy import linear_cross_entropy
from t2t_multimodel.kernels.losses import smoothed_cross_entropy
from t2t_multimodel.layers.seeds import Seed, SeedStream
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.optimizers.adam import Adam
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


def _real_targets(
    model: MultiModel, task: Task, batch, training: bool = False, seed: Seed = None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, list]:
    """Outputs, labels `[targets]` and rows `[targets]` of real targets; mixtures' (loss, load).

    Outputs are logits `[targets, classes]` of classes, and hidden states `[targets, depth]` of symbols.
    """
    problem = task.problem
    encoded = model.encode(problem.inputs, batch, training, seed)
    mixtures = [(encoded.loss, encoded.load)]
    targets = batch["targets"]
    if isinstance(problem.targets, ClassLabelSpec):
        real = tf.where(targets >= 0)[:, 0]
        logits = model.class_logits(problem.targets, encoded)
        return tf.gather(logits, real), tf.gather(targets, real), real, mixtures
    hidden, loss, load = model.decode(encoded, targets, batch["command"], training, seed)
    mixtures.append((loss, load))
    places = tf.where(tf.not_equal(targets, 0))
    flat = tf.cast(places[:, 0] * tf.shape(targets, tf.int64)[1] + places[:, 1], tf.int32)
    hidden = tf.gather(tf.reshape(hidden, [-1, hidden.shape[-1]]), flat)
    return hidden, tf.gather(tf.reshape(targets, [-1]), flat), places[:, 0], mixtures


def _loss_and_hits(model: MultiModel, task: Task, outputs, labels, smoothing: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums over real targets: of the smoothed loss, and of labels that are the most likely ones."""
    if not isinstance(task.problem.targets, ClassLabelSpec):
        return linear_cross_entropy(outputs, model.softmax_table, labels, smoothing)
    losses = smoothed_cross_entropy(outputs, labels, smoothing)
    hits = tf.equal(tf.argmax(outputs, -1, output_type=tf.int32), labels)
    return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))


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


def make_train_step(
    model: MultiModel,
    optimizer: Adam,
    strategy: tf.distribute.Strategy,
    task: Task,
    *,
    seed: int,
    train_steps: int,
) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """The train step of all tasks with `task`'s pair of modalities.

    The loss is the mean label-smoothed cross entropy over the real targets of the whole batch, times the problem's
    weight, plus the mixtures' losses; each replica takes an equal share of the rows, and gradients are summed.

    Returns:
        `step(batch, command, weight, step)`, which gives scalars by name and the mixtures' loads
        ``load_encoder`` and ``load_decoder`` `[experts]`.
    """
    hparams = model.hparams
    replicas = strategy.num_replicas_in_sync
    smoothing = hparams.regularization.label_smoothing
    variables = model.trainable_variables

    def replica_step(batch, command, weight, step):
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group
        total = _count_targets(task, batch["targets"])
        stream = SeedStream(seed, step, replica)
        mine = {**_share(batch, replica, replicas), "command": command}
        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            outputs, labels, _, mixtures = _real_targets(model, task, mine, True, stream)
            loss, hits = _loss_and_hits(model, task, outputs, labels, smoothing)
            loss /= total
            extra = tf.add_n([m[0] for m in mixtures]) / replicas
            objective = loss * weight + extra
        gradients = tape.gradient(objective, values)
        pairs = [(tf.convert_to_tensor(g), v) for g, v in zip(gradients, values) if g is not None]
        gradients, reached = zip(*pairs)
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
        rate = learning_rate(step, hparams.optimizer, depth=hparams.body.depth, train_steps=train_steps)
        norm = optimizer.apply(gradients, reached, rate)
        result = {
            "loss": loss,
            "mixture_loss": extra,
            "token_accuracy": hits / total,
        }
        for name, (_, load) in zip(("load_encoder", "load_decoder"), mixtures):
            if load.shape[0]:
                result[name] = load
        if replicas > 1:
            result = context.all_reduce(tf.distribute.ReduceOp.SUM, result)
        return {**result, "gradient_norm": norm, "learning_rate": rate, "targets": total}

    signature = batch_signature(task.problem.inputs, task.problem.targets, hparams.modalities)

    @tf.function(
        autograph=False,
        input_signature=[
            signature,
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.int64),
        ],
    )
    def train_step(batch, command, weight, step):
        result = strategy.run(replica_step, args=(batch, command, weight, step))
        return {name: strategy.experimental_local_results(value)[0] for name, value in result.items()}

    return train_step


def make_eval_step(model: MultiModel, task: Task) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor], dict]:
    """The evaluation step of all tasks with `task`'s pair: `step(batch, command)` gives `Scores` by name."""
    signature = batch_signature(task.problem.inputs, task.problem.targets, model.hparams.modalities)

    @tf.function(autograph=False, input_signature=[signature, tf.TensorSpec([], tf.int32)])
    def eval_step(batch, command):
        rows = tf.shape(batch["targets"])[0]
        outputs, labels, places, _ = _real_targets(model, task, {**batch, "command": command})
        classes = isinstance(task.problem.targets, ClassLabelSpec)
        logits = outputs if classes else model.symbol_logits(outputs)
        return _score(logits, labels, places, rows).as_dict()

    return eval_step


def _count_targets(task: Task, targets: tf.Tensor) -> tf.Tensor:
    real = targets >= 0 if isinstance(task.problem.targets, ClassLabelSpec) else tf.not_equal(targets, 0)
    return tf.maximum(tf.reduce_sum(tf.cast(real, tf.float32)), 1.0)


def _share(batch: Mapping[str, tf.Tensor], replica, replicas: int) -> dict[str, tf.Tensor]:
    """The rows of one replica; the last ones may get fewer, at least one row is kept and masked if need be."""
    if replicas == 1:
        return dict(batch)
    rows = tf.shape(batch["targets"])[0]
    size = -(-rows // replicas)
    start = tf.cast(replica, tf.int32) * size
    indices = tf.range(start, start + size)
    inside = indices < rows
    shared = {name: tf.gather(value, tf.minimum(indices, rows - 1)) for name, value in batch.items()}
    targets = shared["targets"]
    outside = -1 if targets.shape.rank == 1 else 0
    keep = inside if targets.shape.rank == 1 else inside[:, None]
    shared["targets"] = tf.where(keep, targets, outside)
    return shared
