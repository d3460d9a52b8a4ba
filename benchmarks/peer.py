"""Train steps on text, compared with Tensor2Tensor 1.9.0's sets of the same names, in turn in one run.

    python -m benchmarks peer --sets=multimodel_tiny,multimodel_base --peer_python=PYTHON --peer_script=FILE

Equal depth, batch, lengths and vocabulary. The peer's script builds its model in training mode, takes steps on random
ids, and prints one JSON object on its last line: `step_s_median`, `nonpad_target_tokens_per_s`, `peak_rss_mb`,
`params_total`, `steps`. If the peer is missing, it is skipped with a message.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Sequence

from benchmarks import harness


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks peer", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="multimodel_tiny,multimodel_base")
    parser.add_argument("--peer_python", default=os.environ.get("PEER_PYTHON", ""))
    parser.add_argument("--peer_script", default=os.environ.get("PEER_SCRIPT", ""))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--target", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1, help="how often both take their turn; medians are given")
    parser.add_argument("--hparams", default="", help="overrides of this project's set")
    options = parser.parse_args(arguments)
    print("| set | measure | ours | peer | ours better by |", "|---|---|---|---|---|", sep="\n")
    for name in options.sets.split(","):
        rounds = [(measure_ours(name, options), measure_peer(name, options)) for _ in range(options.rounds)]
        print(report(name, *(medians(rows) for rows in zip(*rounds))), flush=True)


def medians(rows: Sequence[dict[str, float] | None]) -> dict[str, float] | None:
    """The median of each measure, or None where a round is missing."""
    if None in rows:
        return None
    return {measure: statistics.median(row[measure] for row in rows) for measure in rows[0]}


def measure_ours(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Measures this project in a new process."""
    flags = [f"--hparams_set={name}", f"--hparams={options.hparams}", f"--batch={options.batch}"]
    flags += [f"--source={options.source}", f"--target={options.target}", f"--steps={options.steps}"]
    row = harness.in_process("train_step", [*flags, "--variant=as_commands"])
    return {
        "targets a second": row["targets_per_s"],
        "peak memory, MB": row["peak_mb"],
        "command to first step, s": row["command_to_first_step_s"],
        "parameters, millions": row["parameters"] / 1e6,
    }


def measure_peer(name: str, options: argparse.Namespace) -> dict[str, float] | None:
    """The peer, or None where it is not to be had."""
    if not all(path and pathlib.Path(path).exists() for path in (options.peer_python, options.peer_script)):
        print("peer skipped: give --peer_python (or PEER_PYTHON) and --peer_script to measure it beside")
        return None
    command = [options.peer_python, options.peer_script, "--hparams_set", name]
    command += ["--hparams", "initializer=uniform_unit_scaling", "--batch", str(options.batch)]
    command += ["--src_len", str(options.source), "--tgt_len", str(options.target)]
    command += ["--steps", str(options.steps), "--warmup", "2"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - began
    try:
        row = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        print("peer skipped: it ended without a result:", *done.stderr.strip().splitlines()[-1:])
        return None
    return {
        "targets a second": row["nonpad_target_tokens_per_s"],
        "peak memory, MB": row["peak_rss_mb"],
        "command to first step, s": taken - (row["steps"] - 1) * row["step_s_median"],
        "parameters, millions": row["params_total"] / 1e6,
    }


def report(name: str, ours: dict[str, float], peer: dict[str, float] | None) -> str:
    """Rows of the table; above 1 in the last column, this project is better."""
    rows = []
    for measure, value in ours.items():
        theirs = peer[measure] if peer else None
        ratio = "-"
        if theirs and measure != "parameters, millions":
            ratio = f"{value / theirs if measure == 'targets a second' else theirs / value:.2f}"
        rows.append(f"| {name} | {measure} | {value:,.1f} | {f'{theirs:,.1f}' if theirs else '-'} | {ratio} |")
    return "\n".join(rows)
