"""PCGrad: the gradients of several problems are freed of what points against one another before they are summed.

Source: Yu et al. 2020, Gradient Surgery for Multi-Task Learning, arXiv 2001.06782, algorithm 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from t2t_multimodel.training.step import Gradients

_STREAM = 0x9C6D  # keeps the draws apart from those of the mix


def projected_weights(products: np.ndarray, orders: Sequence[Sequence[int]]) -> np.ndarray:
    """What each gradient weighs in the sum of the projected ones.

    A gradient that has a negative product with another one loses its part along it; all that arises are sums of the
    gradients, so that their products decide on everything.

    Args:
        products: of the gradients with one another `[problems, problems]`.
        orders: for each problem the others, in the order in which it is held against them.

    Returns:
        float64 `[problems]`; ones where no product is negative.

    Example:
        projected_weights(np.array([[1.0, -1.0], [-1.0, 4.0]]), [[1], [0]])  # [2.0, 1.25]
    """
    weights = np.eye(len(products))
    for row, order in zip(weights, orders, strict=True):
        for other in order:
            if (product := row @ products[:, other]) < 0:
                row[other] -= product / products[other, other]
    return weights.sum(axis=0)


class ProjectedConflicts:
    """Sums the gradients of a step's problems by PCGrad.

    Variables that only one problem of the step reaches have no part in it: their gradients are what they are.

    Args:
        seed: of the orders, which are a function of it and the step.

    Example:
        combine = ProjectedConflicts(seed=0)
        total = combine({"mini_parsing": first, "mini_caption": second}, step=10)
    """

    def __init__(self, seed: int):
        self._seed = seed

    def __call__(self, gradients: Mapping[str, Gradients], step: int) -> dict[int, tf.Tensor]:
        """The sum by place of the variable.

        Args:
            gradients: by problem.
            step: number of the step.
        """
        by_problem = [dict(zip(of_one.reached, of_one.values)) for of_one in gradients.values()]
        counts = Counter(place for values in by_problem for place in values)
        shared = sorted(place for place, count in counts.items() if count > 1)
        weights = projected_weights(_products(by_problem, shared), self._orders(len(by_problem), step))
        total = {}
        for place, count in sorted(counts.items()):
            parts = [(values[place], float(weight)) for values, weight in zip(by_problem, weights) if place in values]
            total[place] = tf.add_n([value * weight if count > 1 else value for value, weight in parts])
        return total

    def _orders(self, problems: int, step: int) -> list[list[int]]:
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self._seed, step, _STREAM])))
        return [[int(other) for other in rng.permutation(problems) if other != own] for own in range(problems)]


def _products(by_problem: Sequence[Mapping[int, tf.Tensor]], places: Sequence[int]) -> np.ndarray:
    """Products of gradients over some variables, float64 `[problems, problems]`."""
    products = np.zeros([len(by_problem)] * 2)
    for place in places:
        products += products_of([values.get(place) for values in by_problem])
    return products


def products_of(values: Sequence[tf.Tensor | None]) -> np.ndarray:
    """Products of the gradients of one variable, float64 `[problems, problems]`; those of None are 0."""
    found = [number for number, value in enumerate(values) if value is not None]
    rows = tf.stack([tf.reshape(values[number], [-1]) for number in found])
    products = np.zeros([len(values)] * 2)
    products[np.ix_(found, found)] = tf.linalg.matmul(rows, rows, transpose_b=True).numpy()
    return products
