"""Which mix of problems trains best: schemes over seeds, by the loss on dev over the loss of each problem's baseline.

    python -m benchmarks mixing --data_dir=DATA --problems=mini --hparams_set=multimodel_mini --steps=450 \
        --seeds=1,2,3 --runs_dir=RUNS --out=mixing.jsonl

`--schemes` are hparams overrides joined by blanks, of the mix or of anything else. For a seed all of them start from
the same weights where they leave the model as it is, and train on `--steps` batches: of `optimizer.accumulate_steps=N`
one step takes N. `moments=own` among a scheme's overrides gives each problem moments of its own in the optimizer; its
runs cannot go on after a cut. A line of `--out` is one problem of one run; runs that stand there are not trained again,
and others that were cut go on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.harness import append_rows, read_rows

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer

SCHEMES = (
    "mixing.scheme=uniform",
    "mixing.scheme=proportional",
    "mixing.scheme=proportional,mixing.temperature=2",
    "mixing.scheme=proportional,mixing.cap=2000",
    "mixing.scheme=adaptive",
    "mixing.scheme=relative",
)
OWN_MOMENTS = "moments=own"
_OPTIONS = ("problems", "hparams_set", "hparams", "steps", "eval_frequency")


def main(arguments: list[str]) -> None:
    """Trains what is missing and prints a table of all lines."""
    parser = argparse.ArgumentParser(prog="benchmarks mixing", description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problems", required=True, help="of the joint runs, joined by commas; a suite")
    parser.add_argument("--hparams_set", default="multimodel_mini")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--schemes", default=" ".join(SCHEMES), help="overrides of each scheme, joined by blanks")
    parser.add_argument("--steps", type=int, default=450, help="batches of a run")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--eval_steps", type=int, default=0, help="batches of each dev split; 0 takes all")
    parser.add_argument("--eval_frequency", type=int, default=0, help="steps between evaluations, for overfit_patience")
    parser.add_argument("--runs_dir", required=True, help="folder of the runs")
    parser.add_argument("--out", required=True, help="JSON lines, appended as they come")
    options = parser.parse_args(arguments)
    from t2t_multimodel import process

    process.prepare()
    out = pathlib.Path(options.out)
    done = read_rows(out)
    for seed in map(int, options.seeds.split(",")):
        for scheme in options.schemes.split():
            key = {**{name: getattr(options, name) for name in _OPTIONS}, "seed": seed, "scheme": scheme}
            if not any(key.items() <= row.items() for row in done):
                rows = measure(options, key)
                append_rows(out, rows)
                done += rows
    print(table(done))


def measure(options: argparse.Namespace, key: dict) -> list[dict]:
    """Trains one run to its end; one row for each problem."""
    from t2t_multimodel import registry
    from t2t_multimodel.training.trainer import TrainConfig, make_trainer

    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    overrides = key["scheme"].split(",")
    if own_moments := OWN_MOMENTS in overrides:
        overrides.remove(OWN_MOMENTS)
    hparams = registry.hparams(options.hparams_set).override(options.hparams).override(",".join(overrides)).check()
    config = TrainConfig(
        problems=tuple(registry.expand_problems(options.problems)),
        hparams=hparams,
        data_dir=options.data_dir,
        output_dir=str(pathlib.Path(options.runs_dir) / name),
        train_steps=options.steps // hparams.optimizer.accumulate_steps,
        eval_steps=options.eval_steps,
        eval_frequency=options.eval_frequency,
        save_steps=200,
        keep_checkpoints=1,
        seed=key["seed"],
    )
    started = time.perf_counter()
    trainer = make_trainer(config)
    if own_moments:
        keep_moments_apart(trainer)
    records, mix = trainer.run(), trainer.mixer.mix()
    seconds = round(time.perf_counter() - started, 1)
    fields = ("problem", "loss", "baseline_loss", "token_accuracy", "baseline_accuracy")
    return [
        {
            **key,
            **{field: record[field] for field in fields},
            "relative_loss": record["loss"] / record["baseline_loss"],
            **mix[record["problem"]]._asdict(),
            "session_s": seconds,
        }
        for record in records
    ]


def keep_moments_apart(trainer: Trainer) -> None:
    """Exchanges the optimizer's state before each step: a problem goes on with that of its own last step."""
    variables, choose = list(trainer.optimizer.named_variables().values()), trainer.mixer.choose
    empty, kept, last = [variable.numpy() for variable in variables], {}, None

    def choose_and_exchange(step: int, parts: int):
        nonlocal last
        chosen = choose(step, parts)
        name = chosen[0][0]
        if name != last:
            kept[last] = [variable.numpy() for variable in variables]
            for variable, value in zip(variables, kept.get(name, empty)):
                variable.assign(value)
            last = name
        return chosen

    trainer.mixer.choose = choose_and_exchange


def table(rows: list[dict]) -> str:
    """Markdown: loss over baseline by scheme, as mean over problems with its range over seeds, and of each problem."""
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    lines = [
        f"| run | scheme | seeds | loss over baseline, mean of problems (range) | {' | '.join(problems)} |",
        "|---" * (4 + len(problems)) + "|",
    ]
    groups: dict[tuple, dict[str, dict[int, float]]] = {}
    for row in rows:
        group = tuple(row[name] for name in (*_OPTIONS, "scheme"))
        groups.setdefault(group, {}).setdefault(row["problem"], {})[row["seed"]] = row["relative_loss"]
    for (_, hparams_set, hparams, steps, _, scheme), found in groups.items():
        seeds = sorted(set.intersection(*(set(by_seed) for by_seed in found.values())))
        means = [statistics.mean(by_seed[seed] for by_seed in found.values()) for seed in seeds]
        if not means:
            continue
        each = [f"{statistics.mean(found[p].values()):.3f}" if p in found else "" for p in problems]
        run = f"{' '.join(filter(None, (hparams_set, hparams)))}, {steps} steps"
        mean = f"{statistics.mean(means):.4f} ({min(means):.4f} to {max(means):.4f})"
        cells = [run, scheme.replace("mixing.", ""), str(len(seeds)), mean, *each]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
