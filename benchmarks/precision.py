"""Quality after equal steps, products in bfloat16 beside float32: the log-perplexity on dev over seeds.

    python -m benchmarks precision --data_dir=DATA --problems=translate_deen --hparams_set=multimodel_plus \
        --steps=300 --seeds=1,2,3 --runs_dir=RUNS --out=precision.jsonl

Both precisions train on the same batches with the same noise. A line of `--out` is one problem of one run; runs that
stand there are not trained again, and a run that was cut goes on.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time

from benchmarks.harness import append_rows, read_rows

PRECISIONS = ("float32", "bfloat16")


def main(arguments: list[str]) -> None:
    """Trains what is missing and prints a table of all lines."""
    parser = argparse.ArgumentParser(prog="benchmarks precision", description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problems", required=True, help="of one joint run, joined by commas; a suite")
    parser.add_argument("--hparams_set", default="multimodel_plus")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--runs_dir", required=True, help="folder of the runs")
    parser.add_argument("--out", required=True, help="JSON lines, appended as they come")
    options = parser.parse_args(arguments)
    from t2t_multimodel import process

    process.prepare()
    out = pathlib.Path(options.out)
    done = read_rows(out)
    for seed in options.seeds.split(","):
        for precision in PRECISIONS:
            if not any(
                key(row) == (options.problems, options.hparams_set, options.steps, int(seed), precision) for row in done
            ):
                rows = measure(options, int(seed), precision)
                append_rows(out, rows)
                done += rows
    print(table(done))


def key(row: dict) -> tuple:
    """What tells runs apart."""
    return tuple(row[name] for name in ("run", "hparams_set", "steps", "seed", "precision"))


def measure(options: argparse.Namespace, seed: int, precision: str) -> list[dict]:
    """Trains one run to its end; one row for each problem."""
    from t2t_multimodel import registry
    from t2t_multimodel.training.trainer import TrainConfig, train

    hparams = registry.hparams(options.hparams_set).override(options.hparams, compute__precision=precision)
    name = f"{options.problems.replace(',', '+')}-{options.hparams_set}-{options.steps}-{seed}-{precision}"
    started = time.perf_counter()
    records = train(
        TrainConfig(
            problems=tuple(registry.expand_problems(options.problems)),
            hparams=hparams,
            data_dir=options.data_dir,
            output_dir=str(pathlib.Path(options.runs_dir) / name),
            train_steps=options.steps,
            save_steps=200,
            keep_checkpoints=1,
            seed=seed,
        )
    )
    common = {
        "run": options.problems,
        "hparams_set": options.hparams_set,
        "steps": options.steps,
        "seed": seed,
        "precision": precision,
        "session_s": round(time.perf_counter() - started, 1),
    }
    return [
        {**common, **{field: row[field] for field in ("problem", "log_perplexity", "token_accuracy")}}
        for row in records
    ]


def table(rows: list[dict]) -> str:
    """Markdown: means over seeds, and the relative difference of each seed's pair."""
    lines = ["| run | problem | seeds | float32 | bfloat16 | difference |", "|---|---|---|---|---|---|"]
    groups: dict[tuple, dict[tuple, float]] = {}
    for row in rows:
        group = groups.setdefault((row["run"], row["hparams_set"], row["steps"], row["problem"]), {})
        group[row["seed"], row["precision"]] = row["log_perplexity"]
    for (_, name, steps, problem), found in groups.items():
        seeds = sorted({seed for seed, _ in found if all((seed, precision) in found for precision in PRECISIONS)})
        if not seeds:
            continue
        plain, mixed = ([found[seed, precision] for seed in seeds] for precision in PRECISIONS)
        change = [(low - high) / high for high, low in zip(plain, mixed)]
        lines.append(
            f"| {name}, {steps} steps | {problem} | {len(seeds)} | {statistics.mean(plain):.4f} |"
            f" {statistics.mean(mixed):.4f} | {statistics.mean(change):+.2%}"
            f" ({min(change):+.2%} to {max(change):+.2%}) |"
        )
    return "\n".join(lines)
