"""Shared by the benchmarks of training: a model with random batches, and the machine's limit."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


@dataclasses.dataclass
class Bench:
    """A model, its train step, and random batches of one shape.

    Attributes:
        model: the model.
        step: takes the number of a step, trains on one batch and gives the loss.
        source_lengths, lengths: valid positions of each row.
        build_s, trace_s: seconds.
    """

    model: object
    step: Callable[[int], float]
    inputs: object
    targets: object
    source_lengths: list[int]
    lengths: list[int]
    build_s: float
    trace_s: float


def make_bench(hparams, kind: str, batch: int, source: int, target: int, vocab: int) -> Bench:
    """A `Bench` of text, captions or speech; `source` is tokens or frames, and unused for images."""
    import numpy as np
    import tensorflow as tf

    from t2t_multimodel.data.problem import Problem
    from t2t_multimodel.modalities import AudioSpec, ImageSpec, SymbolSpec
    from t2t_multimodel.model import MultiModel
    from t2t_multimodel.runs.task import Task
    from t2t_multimodel.training.optimizers.make import make_optimizer
    from t2t_multimodel.training.step import make_train_step

    spec = {"text": SymbolSpec(), "caption": ImageSpec(), "speech": AudioSpec()}[kind]

    class Random(Problem):
        name, inputs, targets, command = f"benchmark_{kind}", spec, SymbolSpec(), "to_text"

    start = time.perf_counter()
    model = MultiModel(hparams, vocab_size=vocab, specs=[spec, SymbolSpec()])
    optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    built = time.perf_counter()
    train = make_train_step(model, optimizer, tf.distribute.get_strategy(), Task(Random(), 0), seed=0, train_steps=1000)
    if hparams.compute.compile == "none":  # else it is traced for the shape of its first batch
        train.get_concrete_function()
    traced = time.perf_counter()
    rng = np.random.default_rng(0)

    def features():
        if kind == "text":
            return {"inputs": tf.constant(rng.integers(2, vocab, (batch, source)), tf.int32)}
        if kind == "caption":
            size = hparams.modalities.image_size or spec.size
            return {"inputs": tf.constant(rng.uniform(0, 255, (batch, size, size, 3)), tf.float32)}
        frames = rng.normal(size=(batch, source, hparams.modalities.audio_bands))
        return {"inputs": tf.constant(frames, tf.float32), "input_length": tf.fill([batch], source)}

    def step(number: int) -> float:
        data = {**features(), "targets": tf.constant(rng.integers(2, vocab, (batch, target)), tf.int32)}
        began = time.perf_counter()
        float(train(data, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))["loss"])
        return time.perf_counter() - began

    return Bench(model, step, spec, SymbolSpec(), [source] * batch, [target] * batch, built - start, traced - built)


def useful_flops(bench: Bench) -> int:
    """Useful FLOPs of one train step of a bench."""
    from t2t_multimodel.training.cost import flops

    counts = flops.forward_flops(bench.model, bench.inputs, bench.targets, bench.source_lengths, bench.lengths)
    return flops.TRAINING_FACTOR * sum(counts.values())


def peak_mb() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_process(benchmark: str, arguments: Sequence[str]) -> dict:
    """Runs a benchmark in a new process and returns the JSON object on its last line."""
    command = [sys.executable, "-m", "benchmarks", benchmark, *arguments, f"--started={time.time()}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def interleaved(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each function, run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()  # traced and warm
    for _ in range(repeats):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def read_rows(out: pathlib.Path) -> list[dict]:
    """The JSON lines that stand in a file of results."""
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []


def append_rows(out: pathlib.Path, rows: Sequence[dict]) -> None:
    """Appends lines to a file that `read_rows` reads."""
    with out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
