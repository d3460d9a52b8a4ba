"""Tracking in a file of JSON lines, without any service."""

from __future__ import annotations

import json
import pathlib
import time
import uuid
from collections.abc import Mapping
from typing import Any

from t2t_multimodel.data.storage import sha256
from t2t_multimodel.training.track.tracker import RunFacts, Tracker


class FileTracker(Tracker):
    """Appends to a file, one JSON object a line: ``start`` or ``resume``, ``metrics``, ``file``, ``end``.

    Args:
        path: of the file; several runs may share it, each line names its run.

    Example:
        tracker = FileTracker(pathlib.Path("tracked.jsonl"))
    """

    def __init__(self, path: pathlib.Path):
        self._path, self._run = path, ""

    def start(self, facts: RunFacts, run: str) -> str:
        self._run = run or uuid.uuid4().hex
        known = {"name": facts.name, "hparams": dict(facts.hparams), "tags": dict(facts.tags)}
        self._append("resume" if run else "start", **known)
        return self._run

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._append("metrics", step=step, values=dict(values))

    def add_file(self, path: pathlib.Path) -> None:
        self._append("file", path=str(path), sha256=sha256(path))

    def finish(self, complete: bool) -> None:
        self._append("end", complete=complete)

    def _append(self, event: str, **content: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = {"run": self._run, "event": event, "time": round(time.time(), 3), **content}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
