"""Checkpoints by name: best, latest, average, ema."""

from __future__ import annotations

import os
from typing import NamedTuple

from t2t_multimodel.runs.selection.average import average_checkpoint
from t2t_multimodel.runs.selection.best import best_checkpoint

BEST, LATEST, AVERAGE, EMA = "best", "latest", "average", "ema"


class FoundCheckpoint(NamedTuple):
    """What a person meant by a checkpoint.

    Attributes:
        path: of the checkpoint; None for the newest one of the run.
        averaged: the moving averages of the weights are meant in the place of the weights.
        name: ``"average"`` or ``"ema"`` where these are not the weights of the step themselves, else "".
    """

    path: str | None
    averaged: bool = False
    name: str = ""


def find_checkpoint(output_dir: str | os.PathLike, checkpoint: str | None) -> FoundCheckpoint:
    """The checkpoint that is meant by what a person gave.

    Args:
        output_dir: the run folder.
        checkpoint: ``"best"``, ``"latest"``, ``"average"`` (of t2t-avg-all), ``"ema"`` (moving averages of the newest),
            a path, or None, which is the same as ``"latest"``. A file or folder of such a name is given as
            ``"./best"``.

    Raises:
        CheckpointError: the run has no such checkpoint.

    Example:
        find_checkpoint("runs/mini", "best").path  # "runs/mini/ckpt-1000"
    """
    if checkpoint in (None, "", LATEST):
        return FoundCheckpoint(None)
    if checkpoint == AVERAGE:
        return FoundCheckpoint(average_checkpoint(output_dir), name=AVERAGE)
    if checkpoint == EMA:
        return FoundCheckpoint(None, averaged=True, name=EMA)
    return FoundCheckpoint(best_checkpoint(output_dir) if checkpoint == BEST else checkpoint)
