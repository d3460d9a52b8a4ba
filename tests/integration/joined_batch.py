"""A program of test_joined_batch.py: three steps of SGD on one device, on two logical ones, or as a worker of several.

Noise belongs to a replica. That the joined batch on one device can be held against replicas, it gets there the noise of
the replicas' rows, one after the other; all replicas have as many real tokens.
"""

import os
import sys

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.modalities import ClassLabelSpec, SymbolSpec
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training import step as step_module
from t2t_multimodel.training.distribution.devices import LocalDevices
from t2t_multimodel.training.distribution.joint_step import Part
from t2t_multimodel.training.distribution.step_runner import StepRunner
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.step import make_train_step
from t2t_multimodel.training.strategies import make_strategy

STEPS = 3
STATIC = "compute.compile=xla,mixture.capacity_factor=3"
TEXT, CLASSES = SymbolSpec(), ClassLabelSpec(5, "label")
ROWS = 8
ONE = tf.distribute.get_strategy()
_normal, _uniform = tf.random.stateless_normal, tf.random.stateless_uniform


class Text(Problem):
    name, inputs, targets, command = "text", TEXT, TEXT, "to_text"


class Label(Problem):
    name, inputs, targets, command = "label", TEXT, CLASSES, "to_label"


class Joined(SeedStream):
    """The seeds of several parts, int32 `[parts, 2]`."""

    def __init__(self, streams):
        self._streams = streams

    def next(self):
        return tf.stack([stream.next() for stream in self._streams])


def by_part(draw):
    """A drawing function that also takes the seeds of several parts, each of which draws its share of the rows."""

    def drawn(shape, seed, **how):
        if seed.shape.rank == 1:
            return draw(shape, seed, **how)
        parts, shape = seed.shape[0], tf.convert_to_tensor(shape)
        share = tf.concat([[shape[0] // parts], shape[1:]], 0)
        return tf.concat([draw(share, one, **how) for one in tf.unstack(seed)], 0)

    return drawn


def batch_of(number, rows=ROWS):
    """A batch whose rows have two lengths in turn."""
    random = np.random.default_rng(number)
    sides = {}
    for name, lengths in (("inputs", (9, 5)), ("targets", (7, 4))):
        ids = random.integers(2, 50, (rows, lengths[0]))
        sides[name] = ids * (np.arange(lengths[0]) < np.resize(lengths, rows)[:, None])
    return {name: tf.constant(ids, tf.int32) for name, ids in sides.items()}


def build(hparams, strategy, specs=(TEXT,)):
    with strategy.scope():
        tf.keras.utils.set_random_seed(3)
        model = MultiModel(hparams, vocab_size=50, specs=specs)
        for number, variable in enumerate(model.trainable_variables):
            noise = np.random.default_rng(number).normal(0, 0.1, variable.shape)
            variable.assign(variable.value + noise.astype(np.float32))
        return model, make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)


def results(model, values):
    scalars = {name: values[name].numpy() for name in ("loss", "mixture_loss", "token_accuracy", "gradient_norm")}
    return {**scalars, **{name: variable.numpy() for name, variable in model.named_variables().items()}}


def trained(hparams, strategy, batches, streams=None):
    """Weights by name after three steps, and the last step's values.

    Args:
        batches: a function of the step: the batches of its parts.
        streams: a function of the step, which gives the (step, replica) of the noise of each part of the joined batch.
    """
    model, optimizer = build(hparams, strategy)
    if streams is not None:
        step_module.SeedStream = lambda seed, step, _: Joined([SeedStream(seed, *of) for of in streams(step)])
    runner = StepRunner(model, optimizer, strategy, LocalDevices(strategy), seed=1, train_steps=STEPS)
    for step in range(STEPS):
        values, _ = runner([Part(Task(Text(), 0), 0.7, batch) for batch in batches(step)], step)
    step_module.SeedStream = SeedStream
    return results(model, values)


def joined(hparams, replicas):
    """One device, with the noise of so many replicas."""
    return trained(hparams, ONE, lambda n: [batch_of(n)], lambda n: [(n, replica) for replica in range(replicas)])


def joined_batches(hparams, replicas):
    """One device and batches twice as large, with the noise of both batches on each replica."""
    return trained(
        hparams,
        ONE,
        lambda n: [{name: tf.concat([batch_of(2 * n)[name], batch_of(2 * n + 1)[name]], 0) for name in batch_of(0)}],
        lambda n: [(2 * n + batch, replica) for batch in range(2) for replica in range(replicas)],
    )


def accumulated(hparams, strategy):
    """Two batches before each update."""
    two = hparams.override("optimizer.accumulate_steps=2")
    return trained(two, strategy, lambda n: [batch_of(2 * n), batch_of(2 * n + 1)])


def parts_of(step):
    """Another problem for each replica: text to text, and text to classes."""
    batch = batch_of(step)
    label = {**batch, "targets": batch["targets"][:, 0] % 5}
    return [Part(Task(Text(), 0), 0.7, batch), Part(Task(Label(), 0), 1.0, label)]


def distributed(hparams, strategy):
    """A problem for each of two replicas."""
    model, optimizer = build(hparams.override("mixing.scheme=distributed"), strategy, (TEXT, CLASSES))
    runner = StepRunner(model, optimizer, strategy, LocalDevices(strategy), seed=1, train_steps=STEPS)
    for step in range(STEPS):
        values, of_parts = runner(parts_of(step), step)
    losses = {f"loss_{number}": values["loss"].numpy() for number, values in enumerate(of_parts)}
    return {**results(model, values), **losses}


def alone(hparams):
    """Each problem's own step from the same weights on one device, and the mean of their moves."""
    model, optimizer = build(hparams, ONE, (TEXT, CLASSES))
    steps = []
    for replica, part in enumerate(parts_of(0)):
        step_module.SeedStream = lambda seed, step, _, replica=replica: SeedStream(seed, step, replica)
        steps.append(make_train_step(model, optimizer, ONE, part.task, seed=1, train_steps=STEPS))
        steps[-1].get_concrete_function()
    step_module.SeedStream = SeedStream
    for step in range(STEPS):
        before = [variable.numpy() for variable in model.trainable_variables]
        moves, values = [], []
        for part, train in zip(parts_of(step), steps):
            values.append(train(part.batch, tf.constant(0), tf.constant(part.weight), tf.constant(step, tf.int64)))
            moves.append([now.numpy() - was for now, was in zip(model.trainable_variables, before)])
            for variable, was in zip(model.trainable_variables, before):
                variable.assign(was)
        for variable, was, *moved in zip(model.trainable_variables, before, *moves):
            variable.assign(was + sum(moved) / 2)
    means = {name: (values[0][name] + values[1][name]) / 2 for name in ("loss", "mixture_loss", "token_accuracy")}
    losses = {f"loss_{number}": one["loss"].numpy() for number, one in enumerate(values)}
    return {**results(model, {**means, "gradient_norm": tf.constant(1.0)}), **losses}


def main(hparams_path, output, *names):
    with open(hparams_path) as file:
        hparams = HParams.from_json(file.read())
    tf.random.stateless_normal, tf.random.stateless_uniform = by_part(_normal), by_part(_uniform)
    two = make_strategy("mirrored", 2) if "TF_CONFIG" not in os.environ else None
    # The balance loss of several batches is the mean of their own, and not that of the batches joined.
    unbalanced, unclipped = hparams.override("mixture.loss_coefficient=0"), hparams.override("optimizer.clip_norm=0")
    runs = {
        "joined_2": lambda: joined(hparams, 2),
        "joined_4": lambda: joined(hparams, 4),
        "mirrored_2": lambda: trained(hparams, two, lambda n: [batch_of(n)]),
        "joined_batches": lambda: joined_batches(unbalanced, 1),
        "joined_batches_2": lambda: joined_batches(unbalanced, 2),
        "accumulated": lambda: accumulated(unbalanced, ONE),
        "accumulated_static": lambda: accumulated(unbalanced.override(STATIC), ONE),
        "accumulated_2": lambda: accumulated(unbalanced, two),
        "alone": lambda: alone(unclipped),
        "distributed": lambda: distributed(unclipped, two),
        "worker": lambda: trained(hparams, make_strategy("multi_worker"), lambda n: [batch_of(n)]),
        "distributed_worker": lambda: distributed(unclipped, make_strategy("multi_worker")),
    }
    for name in names:
        np.savez(f"{output}/{name}.npz", **{key.replace("/", "|"): value for key, value in runs[name]().items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
