"""Train steps on made-up batches of a stated shape, in a process of its own that tells its memory and their time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.cost.child import Child, serve

_MODULE = "t2t_multimodel.training.cost.sample_steps"
_TIMED = 5


class Sample(NamedTuple):
    """What steps on one batch took.

    Attributes:
        program: bytes that the process held before there was a model.
        peak: the most that it held.
        seconds: of a step, the fastest of five: other work on the machine only adds to it.
    """

    program: int
    peak: int
    seconds: float


def sample_steps(
    hparams: HParams, problem: str, batches: list[tuple[int, int, int]], *, vocab_size: int
) -> list[Sample]:
    """Makes steps on batches of growing size.

    Args:
        hparams: of the model.
        problem: name of a registered problem, or "" for text to text.
        batches: rows, source length and target length of each; lengths of an image, or of a class, count nothing.
        vocab_size: ids of the vocabulary.

    Returns:
        one for each batch; fewer where the system ended the process for want of memory.

    Raises:
        TrainingError: the steps cannot be made.
    """
    samples = []
    with Child(_MODULE, {"hparams": hparams.to_json(), "problem": problem, "vocab_size": vocab_size}) as child:
        for batch in batches:
            if (answer := child.ask(batch)) is None:
                break
            samples.append(Sample(**answer))
    return samples


def _answers_of(request: Mapping[str, Any], folder: str) -> Callable[[list[int]], dict[str, Any]]:
    """What answers rows and lengths with a `Sample` as JSON values."""
    del folder
    import tensorflow as tf

    from t2t_multimodel.data.input.parsing import batch_signature
    from t2t_multimodel.model import MultiModel
    from t2t_multimodel.runs.task import Task
    from t2t_multimodel.training.cost.memory import peak_bytes, resident_bytes
    from t2t_multimodel.training.optimizers.make import make_optimizer
    from t2t_multimodel.training.step import make_train_step

    problem, vocab_size = _problem(request["problem"]), request["vocab_size"]
    hparams = HParams.from_json(request["hparams"])
    signature = batch_signature(problem.inputs, problem.targets, hparams.modalities)
    program = resident_bytes()
    model = MultiModel(hparams, vocab_size=vocab_size, specs={problem.inputs, problem.targets})
    optimizer = make_optimizer(model.named_variables(trainable=True), hparams.optimizer)
    train_step = make_train_step(
        model, optimizer, tf.distribute.get_strategy(), Task(problem, 0), seed=0, train_steps=1000
    )
    scalars, number = (tf.constant(0), tf.constant(1.0)), 0

    def step(batch):
        nonlocal number
        started = time.perf_counter()
        float(train_step(batch, *scalars, tf.constant(number, tf.int64))["loss"])
        number += 1
        return time.perf_counter() - started

    def answer(sizes):
        batch = made_up_batch(signature, *sizes, vocab_size=vocab_size)
        step(batch)  # traced and warm
        seconds = min(step(batch) for _ in range(_TIMED))
        return {"program": program, "peak": peak_bytes(), "seconds": seconds}

    return answer


def _problem(name: str) -> Any:
    from t2t_multimodel import registry
    from t2t_multimodel.data.problem import Problem
    from t2t_multimodel.modalities import SymbolSpec

    class Text(Problem):
        name, inputs, targets, command = "sample_steps", SymbolSpec(), SymbolSpec(), "to_text"

    return registry.problem(name) if name else Text()


def made_up_batch(
    signature: Mapping[str, Any], rows: int, source: int, target: int, *, vocab_size: int
) -> dict[str, Any]:
    """A batch of random values in the shapes of a signature: ids, numbers, and lengths that fill all positions."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    batch = {}
    for name, spec in signature.items():
        length = target if name == "targets" else source
        shape = [rows, *(length if size is None else size for size in spec.shape[1:])]
        if spec.dtype.is_floating:
            values = rng.normal(size=shape)
        elif len(shape) > 1:
            values = rng.integers(2, vocab_size, shape)
        else:  # classes, or lengths of the inputs
            values = np.full(shape, 0 if name == "targets" else source)
        batch[name] = tf.constant(values, spec.dtype)
    return batch


if __name__ == "__main__":
    serve(_answers_of)
