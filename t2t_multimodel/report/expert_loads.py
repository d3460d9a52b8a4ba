"""Which experts serve a problem: the share of its tokens that each expert of each mixture gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task

_BATCH = 8


def expert_loads(model: MultiModel, task: Task, index: RecordIndex, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Loads of the mixtures on some examples of a problem, with their own targets.

    Args:
        model: a trained model.
        task: the problem.
        index: of a split.
        rows: of the split.

    Returns:
        ``encoder`` and, unless targets are classes, ``decoder``: shares of the tokens' choices `[experts]`, of sum 1.
        A body without mixtures gives none.
    """
    problem, parse = task.problem, RecordParser(task.problem, model.hparams.modalities)
    sums: dict[str, np.ndarray] = {}
    # Rows of near lengths together: padding reaches no expert, but costs time.
    ordered = sorted(rows, key=lambda row: (int(index.input_length[row]), row))
    for start in range(0, len(ordered), _BATCH):
        batch = parse(tf.constant(index.read(ordered[start : start + _BATCH])))
        encoded = model.encode(problem.inputs, batch)
        loads = {"encoder": encoded.load}
        if problem.targets.autoregressive:
            _, _, loads["decoder"] = model.decode(problem.targets, encoded, batch["targets"], tf.constant(task.command))
        for name, load in loads.items():
            sums[name] = sums.get(name, 0.0) + load.numpy().astype(np.float64)
    return {name: load / max(load.sum(), 1.0) for name, load in sums.items() if load.size}
