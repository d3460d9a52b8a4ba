"""The input pipeline: step time with real data over step time with one cached batch, and the padding of batches.

    python -m benchmarks input --data_dir=data/mini --problem=mini --hparams_set=multimodel_mini

Streamed and cached steps take turns on batches of the same shapes, so that the machine's moods reach both.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks input", description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problem", default="mini")
    parser.add_argument("--hparams_set", default="multimodel_mini")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args(arguments)
    from t2t_multimodel import process, registry

    process.prepare()
    hparams = registry.hparams(options.hparams_set).override(options.hparams)
    print("| problem | step, s | real data over a cached batch | padding of batches | of the worst bucket |")
    print("|---" * 5 + "|")
    for name in registry.expand_problems(options.problem):
        row = measure(name, options.data_dir, hparams, options.steps)
        print(
            f"| {name} | {row['step_s']:.3f} | {row['ratio']:.3f} | {row['padding']:.1%} | {row['worst']:.1%} |",
            flush=True,
        )


def measure(name: str, data_dir: str, hparams, steps: int) -> dict[str, float]:
    """Median step, ratio of the sums of streamed and cached steps, share of padding overall and in the worst bucket."""
    import tensorflow as tf

    from t2t_multimodel.training.step import make_train_step
    from t2t_multimodel.training.trainer import TrainConfig, make_trainer

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(problems=(name,), hparams=hparams, data_dir=data_dir, output_dir=folder, train_steps=steps)
        trainer = make_trainer(config)
        source, task = trainer.inputs[name], trainer.tasks[name]
        step = make_train_step(trainer.model, trainer.optimizer, trainer.strategy, task, seed=0, train_steps=1000)

        def run(batch, number):
            float(step(batch, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))["loss"])

        stream = source.train()
        run(next(stream), 0)
        streamed, cached = [], []
        for number in range(steps):
            began = time.perf_counter()
            batch = next(stream)
            run(batch, number)
            between = time.perf_counter()
            run(batch, number)
            cached.append(time.perf_counter() - between)
            streamed.append(between - began)
    overall, worst = padding(source)
    return {
        "step_s": statistics.median(cached),
        "ratio": sum(streamed) / sum(cached),
        "padding": overall,
        "worst": worst,
    }


def padding(source, batches: int = 200) -> tuple[float, float]:
    """Share of positions that are padding in the first training batches: of both sides together, and by bucket."""
    plan, index = source.plan, source.index
    slots: dict[int, int] = defaultdict(int)
    real: dict[int, int] = defaultdict(int)
    for number in range(min(batches, plan.batches_per_epoch)):
        rows = plan.train_batch(number)
        bucket = plan.bucket_of(rows)
        for lengths in (index.input_length[rows], index.target_length[rows]):
            slots[bucket] += int(lengths.max()) * len(rows)
            real[bucket] += int(lengths.sum())
    shares = {bucket: 1 - real[bucket] / slots[bucket] for bucket in slots}
    return 1 - sum(real.values()) / sum(slots.values()), max(shares.values())
