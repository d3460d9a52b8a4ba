"""Checkpoints by name: best and latest."""

from __future__ import annotations

import os

from t2t_multimodel.runs.best import best_checkpoint

BEST, LATEST = "best", "latest"


def find_checkpoint(output_dir: str | os.PathLike, checkpoint: str | None) -> str | None:
    """The path that is meant by what a person gave; None for the newest checkpoint of the run.

    Args:
        output_dir: the run folder.
        checkpoint: ``"best"``, ``"latest"``, a path, or None, which is the same as ``"latest"``. A file or folder of
            such a name is given as ``"./best"``.

    Raises:
        CheckpointError: the run has no such checkpoint.

    Example:
        find_checkpoint("runs/mini", "best")  # "runs/mini/ckpt-1000"
    """
    if checkpoint in (None, "", LATEST):
        return None
    return best_checkpoint(output_dir) if checkpoint == BEST else checkpoint
