"""Scores of class problems: top-k accuracy and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def top_k(predicted: Sequence[Sequence[int]], wanted: Sequence[int], k: int) -> float:
    """The share of examples whose class is among the k best.

    Args:
        predicted: classes of each example, most probable first.
        wanted: the class of each example.
        k: how many of the best count.

    Example:
        ```python
        from t2t_multimodel.metrics import classes

        classes.top_k([[2, 0, 1], [1, 2, 0]], [0, 1], k=2)  # 1.0
        ```
    """
    return float(np.mean([one in list(row)[:k] for row, one in zip(predicted, wanted)])) if len(wanted) else 0.0


def confusion_matrix(predicted: Sequence[int], wanted: Sequence[int], num_classes: int) -> np.ndarray:
    """How often each class was taken for each other.

    Args:
        predicted: the most probable class of each example.
        wanted: the class of each example.
        num_classes: number of classes.

    Returns:
        `[num_classes, num_classes]`, int64: wanted classes are rows, predicted ones columns.

    Example:
        ```python
        from t2t_multimodel.metrics import classes

        classes.confusion_matrix([0, 1, 1], [0, 0, 1], num_classes=2).tolist()  # [[1, 1], [0, 1]]
        ```
    """
    cells = np.asarray(wanted, np.int64) * num_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
