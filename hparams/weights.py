"""Weights of problems as hparams write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from t2t_multimodel.errors import HParamsError


def parse_weights(text: str, hparam: str, problems: Sequence[str] | None = None) -> dict[str, float]:
    """Weights by problem from ``problem:weight|problem:weight``.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.
        problems: the names that are allowed; None allows all.

    Raises:
        HParamsError: an item has no weight or a negative one, or names another problem.

    Example:
        parse_weights("image_imagenet:0.7|speech_wsj:2", "mixing.loss_weights")
    """
    weights = {}
    for item in filter(None, text.split("|")):
        name, _, value = item.partition(":")
        try:
            weights[name] = float(value)
        except ValueError:
            raise HParamsError(f"{hparam} item {item!r} is not problem:weight; write one") from None
        if not 0 <= weights[name] < math.inf:
            raise HParamsError(f"{hparam} item {item!r} has a weight below 0 or not finite; give 0 or more")
        if problems is not None and name not in problems:
            raise HParamsError(
                f"{hparam} item {item!r} names no problem of this run; give one of {', '.join(problems)}"
            )
    return weights
