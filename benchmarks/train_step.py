"""The train step of a hparams set: time, tokens a second, share of the machine's limit, memory.

    python -m benchmarks train_step --hparams_set=multimodel_base --kind=text --batch=32 --source=64 --target=64

Random data without padding, so that all positions are valid. Each variant of the process' settings, or with products
in bfloat16, runs in a new process, in turn, `--rounds` times; ratios are of medians of one run. `--profile` names the
ops that take most time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from benchmarks import harness

VARIANTS = ("as_commands", "default_allocator", "without_onednn", "bfloat16")


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks train_step", description=__doc__.splitlines()[0])
    parser.add_argument("--hparams_set", default="multimodel_base")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--kind", choices=("text", "caption", "speech"), default="text")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--source", type=int, default=64, help="tokens, or frames of audio; unused for captions")
    parser.add_argument("--target", type=int, default=64)
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variants", default="as_commands", help=f"of {','.join(VARIANTS)}")
    parser.add_argument("--profile", action="store_true", help="name the five ops that take most of a step")
    parser.add_argument("--started", type=float, default=0.0, help="when the command was given, seconds of the epoch")
    parser.add_argument("--variant", choices=VARIANTS, help="run one variant in this process and print JSON")
    options = parser.parse_args(arguments)
    if options.variant:
        print(json.dumps(measure(options)))
        return
    results: dict[str, list[dict]] = {variant: [] for variant in options.variants.split(",")}
    for _ in range(options.rounds):
        for variant, rows in results.items():
            rows.append(harness.in_process("train_step", [*arguments, f"--variant={variant}"]))
    print(report(results))


def measure(options: argparse.Namespace) -> dict:
    """One variant: seconds to build, trace, take the first step, and the median step; peak memory in MB."""
    from t2t_multimodel import process

    process.quieten_tensorflow()
    if options.variant != "without_onednn":
        process.use_onednn()
    if options.variant != "default_allocator":
        process.keep_freed_memory()
    import numpy as np

    from t2t_multimodel import registry
    from t2t_multimodel.training.cost.processor import product_gflops

    hparams = registry.hparams(options.hparams_set).override(options.hparams)
    if options.variant == "bfloat16":
        hparams = hparams.override(compute__precision="bfloat16")
    bench = harness.make_bench(hparams, options.kind, options.batch, options.source, options.target, options.vocab)
    times = [bench.step(0)]
    first_step = time.time() - options.started if options.started else float("nan")
    times += [bench.step(number) for number in range(1, options.steps + 2)]
    peak, step = harness.peak_mb(), statistics.median(times[2:])
    limit = statistics.median(product_gflops() for _ in range(3))
    useful = harness.useful_flops(bench)
    parameters = sum(int(np.prod(v.shape)) for v in bench.model.trainable_variables)
    row = {
        "parameters": parameters,
        "build_s": bench.build_s,
        "trace_s": bench.trace_s,
        "first_step_s": times[0],
        "command_to_first_step_s": first_step,
        "step_s": step,
        "targets_per_s": options.batch * options.target / step,
        "useful_gflop": useful / 1e9,
        "matmul_gflops": limit,
        "share_of_limit": useful / 1e9 / step / limit,
        "peak_mb": peak,
        "peak_over_weights_slots_gradients": peak * 2**20 / (16 * parameters),
    }
    if options.profile:
        row["top_ops"] = top_ops(bench)
    return row


def top_ops(bench: harness.Bench, count: int = 5) -> list[tuple[str, float]]:
    """Kinds of ops and their share of the time that all ops took in one step; see `top_ops_of`."""
    return top_ops_of(lambda: bench.step(1), count)


def top_ops_of(call: Callable[[], object], count: int = 5) -> list[tuple[str, float]]:
    """Kinds of ops and their share of the time that all ops took in one call, by TensorFlow's profiler.

    An op's time is that of the thread which ran it, waiting for the other threads' parts included.
    """
    import collections
    import pathlib
    import tempfile

    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        call()
        tf.profiler.experimental.stop()
        (file,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space.ParseFromString(file.read_bytes())
    taken: collections.Counter = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # Kernels have their op's type for display; calls and loops hold other ops.
                kind = plane.event_metadata[event.metadata_id].display_name
                if kind and not kind.endswith(("PartitionedCall", "While", "If")):
                    taken[kind] += event.duration_ps
    return [(kind, duration / sum(taken.values())) for kind, duration in taken.most_common(count)]


def report(results: dict[str, list[dict]]) -> str:
    """A Markdown table of medians, the ratio of step times where two variants ran, and the top ops."""
    rows = next(iter(results.values()))
    names = [name for name, value in rows[0].items() if isinstance(value, (int, float))]
    medians = {v: {n: statistics.median(row[n] for row in rows) for n in names} for v, rows in results.items()}
    lines = [f"| measure | {' | '.join(medians)} |", "|---" * (len(medians) + 1) + "|"]
    for name in names:
        lines.append(f"| {name} | {' | '.join(f'{values[name]:,.2f}' for values in medians.values())} |")
    for other in VARIANTS[1:]:
        if {other, VARIANTS[0]} <= set(medians):
            ratio = medians[other]["step_s"] / medians[VARIANTS[0]]["step_s"]
            lines += ["", f"step time, {other} over {VARIANTS[0]}: {ratio:.2f}"]
    for kind, share in rows[0].get("top_ops", []):
        lines.append(f"{kind}: {share:.1%}")
    return "\n".join(lines)
