"""How step time and memory grow with tokens, length, experts, problems and workers.

    python -m benchmarks scaling --out=runs/scaling.jsonl --svg=docs/scaling.svg

Each point runs in a new process and is appended to `--out` as it comes; points that are there are not run again, so an
interrupted sweep goes on. The table fits exponents: the slope of log(value) over log(size) by least squares. Memory is
the peak above what the process held before it built the model.

| axis | what grows | what stays |
|---|---|---|
| tokens | source and target positions of a batch | 64 + 64 positions a row |
| length | positions of the source, and of the target | 2048 positions a batch |
| experts | experts of each mixture | 4 of them a position, 2048 positions |
| problems | problems of the mini suite, trained in turn | the batch; time is of the first problem's steps |
| workers | processes on this machine, by TF_CONFIG | the batch, of which each takes its share |
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import harness, scaling_plot

AXES = {
    "tokens": (512, 1024, 2048, 4096, 8192),
    "length": (16, 64, 256, 1024),
    "experts": (4, 8, 15, 30, 60, 120, 240),
    "problems": (1, 2, 3, 5, 7, 9),
    "workers": (1, 2),
}
HPARAMS = (
    "body.depth=128,body.num_heads=4,body.encoder_blocks=2,body.mixer_blocks=1,body.decoder_blocks=2,"
    "body.attention_conv_blocks=1,mixture.hidden=512,mixture.k=4"
)
EXPERTS, POSITIONS, ROW = 15, 2048, 128
DATA = "train_examples=64,dev_examples=0,test_examples=0"
# The nine problems, those of one net beside each other, so that the first points add text alone.
PROBLEMS = (
    "mini_parsing",
    "mini_translate_ende",
    "mini_translate_enfr",
    "mini_translate_deen",
    "mini_translate_fren",
    "mini_translate_defr",
    "mini_image_class",
    "mini_caption",
    "mini_speech",
)


def main(arguments: list[str]) -> None:
    """Measures what is missing and prints a table; writes a plot where `--svg` is given."""
    parser = argparse.ArgumentParser(prog="benchmarks scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--axes", default=",".join(AXES), help="which axes, joined by commas")
    parser.add_argument("--sizes", default="", help="AXIS=SIZE:SIZE,...: other sizes of axes")
    parser.add_argument("--hparams", default="", help="overrides, for smaller tries")
    parser.add_argument("--steps", type=int, default=5, help="steps whose median is taken")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("scaling.jsonl"), help="points, a line each")
    parser.add_argument("--svg", type=pathlib.Path, help="file of a plot")
    parser.add_argument("--point", help="AXIS:SIZE: measure one in this process and print JSON")
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        axis, _, size = options.point.partition(":")
        print(json.dumps(measure(axis, int(size), options)))
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    points = sweep(options)
    print(table(points))
    if options.svg:
        options.svg.write_text(scaling_plot.plot(points), encoding="utf-8")


def sweep(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The points of all axes asked for, measured where the file has none; in the order of the axes."""
    found = {key(row): row for row in harness.read_rows(options.out)}
    points = []
    for axis, sizes in wanted(options).items():
        for size in sizes:
            settings = {"axis": axis, "size": size, "hparams": options.hparams, "steps": options.steps}
            if key(settings) not in found:
                arguments = [f"--point={axis}:{size}", f"--hparams={options.hparams}", f"--steps={options.steps}"]
                row = {**settings, **harness.in_process("scaling", arguments)}
                harness.append_rows(options.out, [row])
                found[key(row)] = row
            points.append(found[key(settings)])
            print(f"{axis} {size}: {points[-1]['step_s']:.4f} s", file=sys.stderr, flush=True)
    return points


def wanted(options: argparse.Namespace) -> dict[str, tuple[int, ...]]:
    """Sizes by axis."""
    others = dict(part.split("=") for part in options.sizes.split(",") if part)
    named = {axis: tuple(map(int, sizes.split(":"))) for axis, sizes in others.items()}
    return {axis: named.get(axis, AXES[axis]) for axis in options.axes.split(",")}


def key(row: Mapping[str, Any]) -> tuple:
    """What makes a point the same."""
    return row["axis"], row["size"], row["hparams"], row["steps"]


def measure(axis: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """One point: the median step in seconds, peak memory, memory before the model was built, in MB."""
    from t2t_multimodel import process

    process.prepare()
    if axis in ("problems", "workers"):
        with tempfile.TemporaryDirectory() as folder:
            return _measure_run(axis, size, options, folder)
    rows, length, experts = POSITIONS // ROW, ROW // 2, EXPERTS
    if axis == "tokens":
        rows = size // ROW
    elif axis == "length":
        rows, length = max(1, POSITIONS // (2 * size)), size
    else:
        experts = size
    import tensorflow as tf

    from t2t_multimodel import registry

    tf.linalg.matmul(tf.ones([8, 8]), tf.ones([8, 8])).numpy()
    before = harness.peak_mb()
    overrides = f"{HPARAMS},mixture.num_experts={experts}{',' if options.hparams else ''}{options.hparams}"
    hparams = registry.hparams("multimodel_base").override(overrides).check()
    bench = harness.make_bench(hparams, "text", rows, length, length, 1024)
    times = [bench.step(number) for number in range(options.steps + 2)]
    return {"step_s": statistics.median(times[2:]), "peak_mb": harness.peak_mb(), "before_mb": before}


def _measure_run(axis: str, size: int, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """A point of a whole training: in this process, or in as many as the axis says."""
    import t2t_multimodel as t2t

    problems = PROBLEMS[:size] if axis == "problems" else PROBLEMS[:1]
    t2t.generate_data(
        problems, data_dir=f"{folder}/data", options=DATA, num_shards=1, num_workers=1, vocab_size=512,
        report=lambda line: None,
    )  # fmt: skip
    request = {"problems": problems, "folder": folder, "hparams": options.hparams, "steps": options.steps}
    if axis == "problems":
        return train_timed(request)
    ports = [_free_port() for _ in range(size)]
    workers = []
    for index in range(size):
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        code = f"from benchmarks import scaling; scaling.print_timed({json.dumps(request)!r})"
        environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
        workers.append(
            subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        )
    outputs = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise SystemExit("a worker failed; see its lines above")
    return json.loads(outputs[0].splitlines()[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def print_timed(request: str) -> None:
    """`train_timed` of a JSON object, printed as one: what each worker's process runs."""
    from t2t_multimodel import process

    process.prepare()
    print(json.dumps(train_timed(json.loads(request))))


def train_timed(request: Mapping[str, Any]) -> dict[str, Any]:
    """Trains on `problems` of `folder` until the first has made its steps; values as of `measure`."""
    import tensorflow as tf

    import t2t_multimodel as t2t

    tf.linalg.matmul(tf.ones([8, 8]), tf.ones([8, 8])).numpy() if "TF_CONFIG" not in os.environ else None
    before, first = harness.peak_mb(), request["problems"][0]
    ends: list[tuple[str, float]] = []

    def note(output) -> None:
        float(output.values["loss"])
        ends.append((output.problem, time.perf_counter()))

    steps = len(request["problems"]) * (request["steps"] + 2)
    sets = f"{HPARAMS},mixture.num_experts={EXPERTS},mixing.scheme=uniform,batching.batch_tokens=1024"
    t2t.train(
        request["problems"], data_dir=f"{request['folder']}/data", output_dir=f"{request['folder']}/run",
        train_steps=steps, hparams_set="multimodel_mini", actions=[note], save_steps=steps + 1,
        hparams=f"{sets}{',' if request['hparams'] else ''}{request['hparams']}",
    )  # fmt: skip
    taken = [end - start for (_, start), (name, end) in itertools.pairwise(ends) if name == first]
    return {"step_s": statistics.median(taken[1:]), "peak_mb": harness.peak_mb(), "before_mb": before}


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of log(value) over log(size) by least squares; NaN for fewer than two sizes."""
    if len(set(sizes)) < 2:
        return math.nan
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    return statistics.linear_regression(x, y).slope


def grown_mb(point: Mapping[str, Any]) -> float:
    """Peak memory above that before the model."""
    return max(point["peak_mb"] - point["before_mb"], 1.0)


def table(points: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table: a line for each point, then the exponents of each axis."""
    lines = ["| axis | size | step, s | memory, MB | time / first | memory / first |", "|---" * 6 + "|"]
    fits = ["", "| axis | exponent of time | exponent of memory |", "|---" * 3 + "|"]
    for axis in dict.fromkeys(point["axis"] for point in points):
        rows = [point for point in points if point["axis"] == axis]
        for row in rows:
            ratios = row["step_s"] / rows[0]["step_s"], grown_mb(row) / grown_mb(rows[0])
            cells = axis, row["size"], f"{row['step_s']:.3f}", f"{grown_mb(row):.0f}", *(f"{r:.2f}" for r in ratios)
            lines.append(f"| {' | '.join(map(str, cells))} |")
        sizes = [row["size"] for row in rows]
        slopes = exponent(sizes, [r["step_s"] for r in rows]), exponent(sizes, [grown_mb(r) for r in rows])
        fits.append(f"| {axis} | {slopes[0]:.2f} | {slopes[1]:.2f} |")
    return "\n".join(lines + fits)
