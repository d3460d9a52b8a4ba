"""What a wall-clock budget of training buys: ours on the ids, batches and clock of a protocol shared with peers.

    python -m benchmarks quality --protocol=FOLDER --data=FOLDER --task=translation --marks=300,600 --out=FILE

`--protocol` holds `common.py`: batches of fixed shapes from one seeded stream, a training loop that stops at stated
seconds of training time, and the dev score (log-perplexity in nats a target subword, unsmoothed; token accuracy).
Peers that import it write results of the same form. Training time leaves out tracing and evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time


def main(arguments: list[str]) -> None:
    """Trains, prints a line for each mark, and writes all to `--out`."""
    parser = argparse.ArgumentParser(prog="benchmarks quality", description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default=os.environ.get("QUALITY_PROTOCOL", ""), help="folder of common.py")
    parser.add_argument("--data", default=os.environ.get("QUALITY_DATA", ""), help="folder of token ids")
    parser.add_argument("--task", choices=("translation", "parsing"), default="translation")
    parser.add_argument("--hparams_set", default="multimodel_plus")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--marks", default="300,600", help="seconds of training at which dev is scored")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="", help="a JSON file for the result")
    options = parser.parse_args(arguments)
    if not (pathlib.Path(options.protocol) / "common.py").exists():
        print("skipped: give --protocol=FOLDER (or QUALITY_PROTOCOL) with the protocol's common.py")
        return
    result = measure(options)
    for mark in result["marks"]:
        print(json.dumps({"set": options.hparams_set, "task": options.task, **mark}))
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(result, indent=1), encoding="utf-8")


def measure(options: argparse.Namespace) -> dict:
    """Trains by the protocol and gives its results."""
    os.environ["QUALITY_DATA"] = options.data
    sys.path.insert(0, options.protocol)
    import common

    from t2t_multimodel import process

    process.prepare()
    import numpy as np
    import tensorflow as tf

    from t2t_multimodel import registry
    from t2t_multimodel.data.problem import Problem
    from t2t_multimodel.modalities import SymbolSpec
    from t2t_multimodel.model import MultiModel
    from t2t_multimodel.runs.task import Task
    from t2t_multimodel.training.optimizers.make import make_optimizer
    from t2t_multimodel.training.step import make_train_step

    class Ids(Problem):
        name, inputs, targets, command = "quality_ids", SymbolSpec(), SymbolSpec(), "to_text"

    data = common.Data(options.task)
    hparams = registry.hparams(options.hparams_set).override(options.hparams)
    tf.keras.utils.set_random_seed(options.seed)
    model = MultiModel(hparams, vocab_size=data.vocab, specs=[SymbolSpec()])
    optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    states = [*model.named_variables().values(), *optimizer.named_variables().values()]
    first = [variable.numpy() for variable in states]
    train_step = make_train_step(
        model, optimizer, tf.distribute.get_strategy(), Task(Ids(), 0), seed=options.seed, train_steps=1_000_000
    )
    zero, one, count = tf.constant(0), tf.constant(1.0), iter(range(1_000_000))

    def step(inputs, targets, number=None):
        number = next(count) if number is None else number
        batch = {"inputs": tf.constant(inputs), "targets": tf.constant(targets)}
        return train_step(batch, zero, one, tf.constant(number, tf.int64))["loss"]

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
    def score(inputs, targets):
        logits = model({"inputs": inputs, "targets": targets}, inputs=SymbolSpec(), targets=SymbolSpec(), command=zero)
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return nll, tf.argmax(logits, -1, output_type=tf.int32)

    dev = data.dev_batches()

    def evaluate():
        return common.score(dev, lambda x, y: [part.numpy() for part in score(tf.constant(x), tf.constant(y))])

    start, seen = time.time(), set()
    for inputs, targets in data.stream(options.seed):  # each shape once, then back to the initial state
        if inputs.shape not in seen:
            seen.add(inputs.shape)
            float(step(inputs, targets, 0))
        if len(seen) == len(data.shapes):
            break
    for variable, value in zip(states, first):
        variable.assign(value)
    result = {
        "task": options.task,
        "set": options.hparams_set,
        "overrides": options.hparams,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "trace_s": round(time.time() - start, 1),
    }
    marks = [float(mark) for mark in options.marks.split(",")]
    result["marks"] = common.train(data, step, evaluate, marks, sys.stderr, options.seed)
    return result
