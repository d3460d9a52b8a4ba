"""What an experiment will take: runs, steps, FLOPs, memory, and time at a stated speed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from t2t_multimodel import registry
from t2t_multimodel.data.console import table
from t2t_multimodel.experiments.declare import Run, Scale, Table
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.cost import describe

_TOKENS, _FRAMES, _CAPTION = 32, 800, 12  # of a typical sentence, of 8 seconds of sound, of a caption
_GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Cost:
    """What some runs take.

    Attributes:
        runs, steps: their number.
        flops: of all steps, on batches of typical lengths.
    """

    runs: int
    steps: int
    flops: float


def cost(runs: Sequence[Run], vocab_size: int) -> Cost:
    """The cost of runs; those of one name count once."""
    distinct = {run.name: run for run in runs}.values()
    flops = sum(_run_flops(run, vocab_size) for run in distinct)
    return Cost(len(distinct), sum(run.steps for run in distinct), flops)


def _run_flops(run: Run, vocab_size: int) -> float:
    hparams = registry.hparams(run.hparams_set).override(run.hparams)
    return sum(_step_flops(name, hparams, vocab_size) for name in run.problems) * run.steps / len(run.problems)


@functools.cache
def _step_flops(problem: str, hparams: HParams, vocab_size: int) -> int:
    """Useful FLOPs of a train step on a full batch of typical lengths."""
    found, batching = registry.problem(problem), hparams.batching
    kind, targets = found.inputs.modality, _CAPTION if found.inputs.modality == "image" else _TOKENS
    rows, source = {
        "image": (batching.image_batch, 1),
        "audio": (max(1, int(batching.audio_batch_seconds) // 8), _FRAMES),
    }.get(kind, (max(1, batching.batch_tokens // _TOKENS), _TOKENS))
    counts = describe.step_flops(
        hparams, found.inputs, found.targets, [source] * rows, [targets] * rows, vocab_size=vocab_size
    )
    return sum(counts.values())


def joint_size(scale: Scale, overrides: str = "") -> tuple[int, int]:
    """Parameters of a scale's joint model, and FLOPs of its steps on a batch of each task.

    Args:
        scale: gives the set and the problems.
        overrides: of its hparams.
    """
    hparams = (
        registry.hparams(scale.hparams_set).override(scale.hparams).override(scale.joint_hparams).override(overrides)
    )
    parts = describe.parameters_by_part(hparams, vocab_size=scale.vocab_size, specs=_specs(scale))
    return sum(parts.values()), sum(_step_flops(name, hparams, scale.vocab_size) for name in scale.problems())


def _specs(scale: Scale) -> list[Any]:
    problems = [registry.problem(name) for name in scale.problems()]
    return list({spec.key: spec for problem in problems for spec in (problem.inputs, problem.targets)}.values())


def format_plan(
    scale: Scale, tables: Sequence[Table], seeds: Sequence[int], *, flops: float, mesh_shape: str = ""
) -> str:
    """The plan as text: a line a table, the whole, and memory of the joint model.

    Args:
        scale: of the runs.
        tables: that are made.
        seeds: of the runs.
        flops: useful FLOP/s of the machine.
        mesh_shape: devices over which the experts are divided, such as ``batch:1;experts:8``.
    """
    every = {table.name: table.runs(scale, seeds) for table in tables}
    costs = {name: cost(runs, scale.vocab_size) for name, runs in every.items()}
    costs["all, shared runs once"] = cost([run for runs in every.values() for run in runs], scale.vocab_size)
    rows = [["table", "runs", "steps", "FLOPs", f"hours at {flops:.3g} FLOP/s"]]
    for name, one in costs.items():
        rows.append([name, str(one.runs), f"{one.steps:,}", f"{one.flops:.3g}", f"{one.flops / flops / 3600:,.1f}"])
    return f"{table(rows)}\n{_memory(scale, mesh_shape)}"


def _memory(scale: Scale, mesh_shape: str) -> str:
    hparams = registry.hparams(scale.hparams_set).override(scale.hparams).override(scale.joint_hparams)
    specs = _specs(scale)
    if not mesh_shape:
        kept = sum(describe.bytes_of_training(hparams, vocab_size=scale.vocab_size, specs=specs)) / _GIB
        return f"The joint model keeps {kept:.1f} GiB (weights, moments, gradients); activations come on top."
    devices = describe.bytes_by_device(hparams, mesh_shape, vocab_size=scale.vocab_size, specs=specs)
    most = max(sum(sum(part) for part in device.values()) for device in devices) / _GIB
    return f"Over {mesh_shape} a device keeps at most {most:.1f} GiB of the joint model; activations come on top."
