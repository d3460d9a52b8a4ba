"""Which experts serve a problem: the share of its tokens that each expert of each mixture gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.console import progress
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
    parse, sums = RecordParser(task.problem, model.hparams.modalities), {}
    # Rows of near lengths together: padding reaches no expert, but costs time.
    ordered = sorted(rows, key=lambda row: (int(index.input_length[row]), row))
    with progress(f"{task.name}: experts", "examples", len(ordered)) as bar:
        for start in range(0, len(ordered), _BATCH):
            chosen = ordered[start : start + _BATCH]
            for name, load in batch_loads(model, task, parse(tf.constant(index.read(chosen)))).items():
                sums[name] = sums.get(name, 0.0) + load
            bar.update(len(chosen))
    return shares(sums)


def shares(loads: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads of mixtures as shares of sum 1; a body without mixtures has none."""
    return {name: load / max(load.sum(), 1.0) for name, load in loads.items() if load.size}


def batch_loads(model: MultiModel, task: Task, batch: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Tokens of a batch, as `RecordParser` makes it, that each expert of each mixture gets, `[experts]`."""
    targets, encoded = task.problem.targets, model.encode(task.problem.inputs, batch)
    loads = {"encoder": encoded.load}
    if targets.autoregressive:
        _, _, loads["decoder"] = model.decode(targets, encoded, batch["targets"], tf.constant(task.command))
    return {name: load.numpy().astype(np.float64) for name, load in loads.items()}
