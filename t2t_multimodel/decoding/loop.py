"""A search as the parts of its loop: run to its end in one compiled loop, or in slices that show how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from t2t_multimodel.decoding.steps import Found

State = tuple[Any, ...]


class Loop(NamedTuple):
    """A search before its first id; all parts take the state's parts as arguments.

    Attributes:
        state: begins with the position of the next id and ends with the cache.
        unfinished: whether a next id can change what is found, a boolean scalar.
        extend: the state after the next id.
        found: what a state has found.
        growing: the best output that still grows, ids `[batch, length]`.
    """

    state: State
    unfinished: Callable[..., tf.Tensor]
    extend: Callable[..., State]
    found: Callable[..., Found]
    growing: Callable[..., tf.Tensor]


def run_to_end(loop: Loop) -> Found:
    """What a search finds.

    Example:

        run_to_end(greedy_loop(step, cache, tf.fill([batch], 20), length=32)).ids  # [batch, 1, 32]
    """
    return loop.found(*tf.while_loop(loop.unfinished, loop.extend, loop.state, parallel_iterations=1))


def run_slice(loop: Loop, until: tf.Tensor) -> tuple[State, tf.Tensor]:
    """The state at a position, or at the end if that comes first, and whether the search is unfinished.

    Args:
        loop: whose state is where to begin.
        until: position, int32 scalar.
    """

    def unfinished(at, *rest):
        return (at < until) & loop.unfinished(at, *rest)

    state = tf.while_loop(unfinished, loop.extend, loop.state, parallel_iterations=1)
    return state, loop.unfinished(*state)
