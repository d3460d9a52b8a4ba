"""Where an output looks in its source: the decoder's attention weights, read from a pass over what was decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.model import MultiModel
from t2t_multimodel.observe import observing
from t2t_multimodel.runs.task import Task

_SOURCE_ATTENTION = "source_attention/weights"


@dataclasses.dataclass(frozen=True)
class Attention:
    """Attention between an output and its source.

    Attributes:
        weights: `[output ids, source positions]`, the mean over heads and layers; rows have the sum 1.
        outputs: text of each output id.
        sources: text of each source position, or None where positions are no ids.
        grid: height and width of the positions of an image, or None.
    """

    weights: np.ndarray
    outputs: list[str]
    sources: list[str] | None
    grid: tuple[int, int] | None


def read_attention(
    model: MultiModel,
    task: Task,
    features: Mapping[str, tf.Tensor],
    ids: Sequence[int],
    vocabulary: AnyVocabulary,
) -> Attention | None:
    """Attention of one output.

    Args:
        model: a trained model.
        task: the problem.
        features: of a batch of one, as `RecordParser` makes them.
        ids: of the output, the end included.
        vocabulary: of the ids.

    Returns:
        None where nothing attends to a source: the output is empty, or a class.
    """
    problem = task.problem
    if not problem.targets.autoregressive or not ids:
        return None
    with observing() as seen:
        encoded = model.encode(problem.inputs, features)
        model.decode(problem.targets, encoded, tf.constant([list(ids)], tf.int32), tf.constant(task.command))
    weights = [value.numpy()[0].mean(axis=0) for path, value in seen.items() if path.endswith(_SOURCE_ATTENTION)]
    if not weights:
        return None
    mean, grid = np.mean(weights, axis=0, dtype=np.float64), encoded.positions.grid
    return Attention(
        weights=mean,
        outputs=[vocabulary.piece(int(one)) for one in ids],
        sources=_pieces(features["inputs"], mean.shape[1], vocabulary) if problem.inputs.uses_vocabulary else None,
        grid=None if grid is None else (int(grid[0]), int(grid[1])),
    )


def pooled(weights: np.ndarray, columns: int) -> np.ndarray:
    """Sums of neighbouring columns of `[outputs, sources]`, so that at most `columns` are left."""
    if weights.shape[1] <= columns:
        return weights
    bounds = np.linspace(0, weights.shape[1], columns, endpoint=False).astype(int)
    return np.add.reduceat(weights, bounds, axis=1)


def _pieces(inputs: tf.Tensor, positions: int, vocabulary: AnyVocabulary) -> list[str] | None:
    ids = inputs.numpy().reshape(-1).tolist()
    return [vocabulary.piece(one) for one in ids] if len(ids) == positions else None
