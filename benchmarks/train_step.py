"""The train step of a hparams set on text: time, tokens a second, memory, and what the process settings are worth.

    python -m benchmarks train_step --hparams_set=multimodel_base --batch=32 --source=64 --target=64

Each variant runs in a process of its own, in turn, `--rounds` times; ratios are of medians of one run.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

VARIANTS = ("keep_freed_memory", "default_allocator")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks train_step")
    parser.add_argument("--hparams_set", default="multimodel_base")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--target", type=int, default=64)
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, help="run one variant in this process and print JSON")
    options = parser.parse_args(arguments)
    if options.variant:
        print(json.dumps(measure(options)))
        return
    results = {variant: [] for variant in VARIANTS}
    for _ in range(options.rounds):
        for variant in VARIANTS:
            command = [sys.executable, "-m", "benchmarks", "train_step", *arguments, f"--variant={variant}"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[variant].append(json.loads(done.stdout.splitlines()[-1]))
    print(report(results))


def measure(options: argparse.Namespace) -> dict[str, float]:
    """One variant: seconds to build, trace, take the first step, and the median step; peak memory in MB."""
    from t2t_multimodel import process

    process.quieten_tensorflow()
    if options.variant == "keep_freed_memory":
        process.keep_freed_memory()
    import numpy as np
    import tensorflow as tf

    from t2t_multimodel import registry
    from t2t_multimodel.data.problem import Problem
    from t2t_multimodel.data.specs import SymbolSpec
    from t2t_multimodel.model import MultiModel
    from t2t_multimodel.training.optimizers import make_optimizer
    from t2t_multimodel.training.step import make_train_step
    from t2t_multimodel.training.task import Task

    class Text(Problem):
        name, inputs, targets, command = "benchmark_text", SymbolSpec(), SymbolSpec(), "to_text"

    hparams = registry.hparams(options.hparams_set).override(options.hparams)
    start = time.perf_counter()
    model = MultiModel(hparams, vocab_size=options.vocab, specs=[SymbolSpec()])
    optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    built = time.perf_counter()
    step = make_train_step(model, optimizer, tf.distribute.get_strategy(), Task(Text(), 0), seed=0, train_steps=1000)
    step.get_concrete_function()
    traced = time.perf_counter()
    rng = np.random.default_rng(0)
    times = []
    for number in range(options.steps + 2):
        batch = {
            name: tf.constant(rng.integers(2, options.vocab, (options.batch, length)), tf.int32)
            for name, length in (("inputs", options.source), ("targets", options.target))
        }
        began = time.perf_counter()
        result = step(batch, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))
        float(result["loss"])
        times.append(time.perf_counter() - began)
    return {
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "build_s": built - start,
        "trace_s": traced - built,
        "first_step_s": times[0],
        "step_s": statistics.median(times[2:]),
        "targets_per_s": options.batch * options.target / statistics.median(times[2:]),
        "matmul_gflops": matmul_gflops(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def matmul_gflops(size: int = 2048) -> float:
    """GFLOP/s of a float32 product of two square matrices, the machine's limit: the best of five."""
    import tensorflow as tf

    x = tf.random.stateless_normal([size, size], [0, 0])
    seconds = []
    for _ in range(6):
        began = time.perf_counter()
        tf.linalg.matmul(x, x).numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds[1:]) / 1e9


def report(results: dict[str, list[dict[str, float]]]) -> str:
    """A Markdown table of medians, and the ratio of step times."""
    names = list(next(iter(results.values()))[0])
    medians = {v: {n: statistics.median(row[n] for row in rows) for n in names} for v, rows in results.items()}
    lines = [f"| variant | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for variant, values in medians.items():
        lines.append(f"| {variant} | {' | '.join(f'{values[name]:,.2f}' for name in names)} |")
    kept, default = (medians[variant]["step_s"] for variant in VARIANTS)
    return "\n".join([*lines, "", f"step time, default allocator over kept memory: {default / kept:.2f}"])
