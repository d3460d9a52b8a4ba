"""The tracker that an option names."""

from __future__ import annotations

import importlib.util
import pathlib

from t2t_multimodel import paths
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.training.track.file_tracker import FileTracker
from t2t_multimodel.training.track.mlflow_tracker import MlflowTracker
from t2t_multimodel.training.track.tracker import Tracker
from t2t_multimodel.training.track.wandb_tracker import WandbTracker

_FORMS = "mlflow:URI_OR_FOLDER, wandb:PROJECT or file:PATH"


def parse_tracking(text: str) -> tuple[str, str]:
    """Kind and target of ``KIND:TARGET``; two empty ones for an empty text.

    Raises:
        TrainingError: it has another form.

    Example:
        >>> parse_tracking("mlflow:http://host:5000")
        ('mlflow', 'http://host:5000')
    """
    kind, _, target = text.partition(":")
    if text and (kind not in ("mlflow", "wandb", "file") or not target):
        raise TrainingError(f"tracking={text!r} names no tracker; give {_FORMS}")
    if kind == "file" and paths.is_remote(target):
        raise TrainingError(f"tracking={text} grows line by line, which an object store does not; give file:PATH here")
    return kind, target


def make_tracker(text: str, output_dir: str) -> Tracker:
    """The tracker of ``KIND:TARGET``.

    Args:
        text: what `parse_tracking` takes.
        output_dir: the run folder, where trackers keep files of their own.

    Raises:
        TrainingError: the text has another form, or the tracker's package is missing.
    """
    kind, target = parse_tracking(text)
    if kind == "file":
        return FileTracker(pathlib.Path(paths.resolve(target)))
    if importlib.util.find_spec(kind) is None:
        raise TrainingError(
            f"tracking={text} needs a package that is missing; run pip install 't2t-multimodel[{kind}]', or give"
            " tracking=file:PATH"
        )
    if kind == "mlflow":
        return MlflowTracker(target)
    return WandbTracker(target, "." if paths.is_remote(output_dir) else output_dir)
