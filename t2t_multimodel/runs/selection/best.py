"""`best.json` of a run folder: which checkpoint is the best, and by what."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from t2t_multimodel.data import storage
from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.runs import checkpoint_files

FILE = "best.json"


@dataclasses.dataclass(frozen=True)
class Best:
    """What `best.json` says.

    Attributes:
        step: of the checkpoint.
        metric: name of a `ChosenMetric`.
        value: of the metric, the mean of `values`.
        values: of each problem.

    Example:
        >>> Best(100, "relative_loss", 0.5, {"mini_parsing": 0.5}).as_dict()["step"]
        100
    """

    step: int
    metric: str
    value: float
    values: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"step": self.step, "metric": self.metric, "value": self.value, "values": dict(self.values)}


def read_best(output_dir: str | os.PathLike) -> Best | None:
    """What `best.json` of a run folder says; None where there is none or it cannot be read."""
    try:
        found = json.loads((storage.at(output_dir) / FILE).read_text(encoding="utf-8"))
        return Best(int(found["step"]), str(found["metric"]), float(found["value"]), dict(found["values"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_best(output_dir: str | os.PathLike, best: Best) -> None:
    """Writes `best.json` atomically."""
    text = json.dumps(best.as_dict(), indent=1, allow_nan=False) + "\n"
    storage.write_atomically(storage.at(output_dir) / FILE, text.encode())


def forget_best(output_dir: str | os.PathLike) -> None:
    """Removes `best.json`."""
    (storage.at(output_dir) / FILE).unlink(missing_ok=True)


def best_checkpoint(output_dir: str | os.PathLike) -> str:
    """Path of the best checkpoint of a run.

    Raises:
        CheckpointError: no evaluation found one, or it is not whole.
    """
    best = read_best(output_dir)
    if best is None:
        raise CheckpointError(
            f"{output_dir} has no {FILE}, which t2t-trainer writes after an evaluation with --best_metric; give"
            " checkpoint_path=latest, or train on with evaluations"
        )
    return checkpoint_files.resolve(checkpoint_files.path_of(output_dir, best.step))
