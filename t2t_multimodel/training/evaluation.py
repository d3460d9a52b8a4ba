"""Teacher-forced evaluation of one problem, and the records it leaves."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel import metrics
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.baseline import Baseline

METRICS_FILE = "metrics.jsonl"


def evaluate(
    task: Task,
    inputs: ProblemInput,
    eval_step: Callable,
    baseline: Baseline,
    *,
    step: int,
    split: str,
    max_batches: int | None = None,
) -> dict[str, Any]:
    """Scores a problem's split.

    Args:
        task: the problem.
        inputs: its batches.
        eval_step: of `step.make_eval_step`.
        baseline: from the training shards.
        step: the model's training step, kept in the record.
        split: name of the split, kept in the record.
        max_batches: None for all.

    Returns:
        a record as design.md lists it: losses in nats a target token, accuracies from 0 to 1.
    """
    sums: dict[str, float] = {}
    seen, examples = [], 0
    command = tf.constant(task.command, tf.int32)
    for batch in inputs.evaluate(max_batches):
        for name, value in eval_step(batch, command).items():
            sums[name] = sums.get(name, 0.0) + float(value)
        targets = batch["targets"].numpy()
        examples += len(targets)
        seen.append(targets[targets != task.problem.targets.padding])
    count = max(sums["targets"], 1.0)
    baseline_loss, baseline_accuracy = baseline.scores(np.concatenate(seen))
    record = {
        "step": step,
        "problem": task.name,
        "split": split,
        "examples": examples,
        "target_tokens": int(sums["targets"]),
        "loss": sums["nll"] / count,
        "log_perplexity": sums["nll"] / count,
        "token_accuracy": sums["correct"] / count,
        "sequence_accuracy": sums["sequences_correct"] / max(sums["sequences"], 1.0),
        "baseline_loss": baseline_loss,
        "baseline_accuracy": baseline_accuracy,
    }
    return record | task.problem.targets.extra_scores(sums)


def append_records(output_dir: str | pathlib.Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Appends records to `metrics.jsonl`, one JSON object a line, in one write."""
    text = "".join(json.dumps(dict(record)) + "\n" for record in records)
    with open(pathlib.Path(output_dir) / METRICS_FILE, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_records(output_dir: str | pathlib.Path) -> list[dict[str, Any]]:
    """All whole records of `metrics.jsonl`; a line cut by a crash is left out."""
    path = pathlib.Path(output_dir) / METRICS_FILE
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def forget_records_after(output_dir: str | pathlib.Path, step: int) -> None:
    """Drops records of steps that a resumed run is about to repeat."""
    records = read_records(output_dir)
    kept = [record for record in records if record["step"] <= step]
    if len(kept) != len(records):
        text = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(pathlib.Path(output_dir) / METRICS_FILE, text.encode())


_COLUMNS = ("problem", "split", "examples", "loss", "baseline", "accuracy", "baseline", "sequences", "top5", "metrics")
_LEFT_ALIGNED = ("problem", "split", "metrics")


def format_table(records: Iterable[Mapping[str, Any]]) -> str:
    """A table for people: one line a problem; a last column with the tasks' metrics where there are any."""
    rows = [_COLUMNS, *(_cells(record) for record in records)]
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    aligned = []
    for name, *cells in zip(*rows):
        width = max(map(len, (name, *cells)))
        align = str.ljust if name in _LEFT_ALIGNED else str.rjust
        aligned.append([align(cell, width) for cell in (name, *cells)])
    header, *lines = ["  ".join(row).rstrip() for row in zip(*aligned)]
    return "\n".join([header, "-" * len(header), *lines])


def _cells(record: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        record["problem"],
        record["split"],
        str(record["examples"]),
        f"{record['loss']:.3f}",
        f"{record['baseline_loss']:.3f}",
        f"{record['token_accuracy']:.1%}",
        f"{record['baseline_accuracy']:.1%}",
        f"{record['sequence_accuracy']:.1%}",
        f"{record['top5']:.1%}" if "top5" in record else "",
        "  ".join(f"{name} {record[name]:.4g}" for name in metrics.names() if name in record),
    )
