"""The records of a run's evaluations: `metrics.jsonl` and the table that a command prints."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from t2t_multimodel import metrics
from t2t_multimodel.data import storage
from t2t_multimodel.runs.layout import METRICS as METRICS_FILE


def append_records(
    output_dir: str | pathlib.Path, records: Iterable[Mapping[str, Any]], file_name: str = METRICS_FILE
) -> None:
    """Appends records to `metrics.jsonl` or another file, one JSON object a line, in one write.

    What is not finite is null. In an object store the file is written whole each time.
    """
    text = "".join(json.dumps(_finite(dict(record)), allow_nan=False) + "\n" for record in records)
    path = storage.at(output_dir) / file_name
    if not isinstance(path, pathlib.Path):  # an object cannot grow
        before = path.read_bytes() if path.exists() else b""
        newline = b"" if before.endswith(b"\n") or not before else b"\n"
        path.write_bytes(before + newline + text.encode())
        return
    with open(path, "a+b") as file:
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            text = "\n" + text  # a line that a crash cut must not swallow the next
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _finite(value: Any) -> Any:
    """The value with None in the place of numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_records(output_dir: str | pathlib.Path, file_name: str = METRICS_FILE) -> list[dict[str, Any]]:
    """All whole records of `metrics.jsonl` or another file; a line cut by a crash is left out."""
    path = storage.at(output_dir) / file_name
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def is_of_training(record: Mapping[str, Any]) -> bool:
    """Whether a record is of the dev split and of a step's own weights, as a training's evaluations are.

    The others are of t2t-eval: of another split, or of weights that were averaged (``"weights"``).
    """
    return record["split"] == "dev" and "weights" not in record


def forget_records_after(output_dir: str | pathlib.Path, step: int, file_name: str = METRICS_FILE) -> None:
    """Removes the records of steps after `step`: a resumed run will write them again."""
    records = read_records(output_dir, file_name)
    kept = [record for record in records if record["step"] <= step]
    if len(kept) != len(records):
        text = "".join(json.dumps(_finite(record), allow_nan=False) + "\n" for record in kept)
        storage.write_atomically(storage.at(output_dir) / file_name, text.encode())


_COLUMNS = ("problem", "split", "examples", "loss", "baseline", "accuracy", "baseline", "sequences", "top5", "metrics")
_OF_AVERAGES = ("ema_loss", "ema_token_accuracy")
_LEFT_ALIGNED = ("problem", "split", "metrics")


def format_table(records: Iterable[Mapping[str, Any]]) -> str:
    """A table for people: one line a problem, and a last column with the tasks' metrics where there are any.

    Without records it is one line that says so.
    """
    rows = [_COLUMNS, *(_cells(record) for record in records)]
    if len(rows) == 1:
        return "nothing was evaluated: no problem has examples in the split"
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
        "  ".join(f"{name} {record[name]:.4g}" for name in (*_OF_AVERAGES, *metrics.names()) if name in record),
    )
