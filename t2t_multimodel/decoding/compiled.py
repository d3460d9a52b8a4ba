"""Searches whose loop over ids XLA compiles, once for each rounded shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from t2t_multimodel.body.cache import Cache, is_of_source
from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.loop import run_to_end
from t2t_multimodel.decoding.steps import Found, round_length
from t2t_multimodel.decoding.traced import first_cache, search_loop, search_signature
from t2t_multimodel.model import MultiModel

# Axis of the source's time, of leaves of the cache by their name; all leaves have their row first.
_SOURCE_TIME = {"source_keys": 2, "source_values": 2, "source_mask": 1}


def make_compiled_search(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint] = (),
) -> Callable[..., Found]:
    """As `traced.make_search` for greedy search and sampling, with a loop that XLA compiles.

    XLA compiles for one shape. The encoder runs as in `make_search`; then rows are filled up to a power of two by rows
    of length 0, and the source to a rounded length by padding. Rounding apart, no row's output depends on either.
    """
    signature = search_signature(model, problem, constraints)

    loops: dict[tuple[int, ...], Callable[..., Any]] = {}

    @tf.function(autograph=False, input_signature=[signature[0], *signature[2:4]])
    def prepare(batch, max_lengths, features):
        return first_cache(model, problem, hparams, length, constraints, batch, max_lengths, features)

    @tf.function(autograph=False, jit_compile=True)
    def loop(cache, command, max_lengths, uniform):
        parts = search_loop(model, problem, hparams, length, constraints, cache, command, max_lengths, uniform)
        return run_to_end(parts)

    def search(batch, command, max_lengths, features, uniform):
        rows = int(max_lengths.shape[0])
        more = _round_rows(rows) - rows
        cache = _filled(prepare(batch, max_lengths, features), more)
        arguments = cache, command, _with_rows(max_lengths, more), _with_rows(uniform, more)
        shape = tuple(size for leaf in tf.nest.flatten(arguments) for size in leaf.shape)
        if shape not in loops:  # a call of `loop` itself would warn of many shapes
            loops[shape] = loop.get_concrete_function(*arguments)
        found = loops[shape](*arguments)
        return Found(*(value[:rows] for value in found))

    return search


def _round_rows(rows: int) -> int:
    return 1 << max(0, rows - 1).bit_length()


def _filled(cache: Cache, rows: int) -> Cache:
    """The cache with more rows, and the source's time rounded where a mask can tell."""
    time = 0
    if "source_mask" in cache["model"]:
        length = int(cache["model"]["source_mask"].shape[1])
        time = round_length(length) - length

    def fill(part: Any, name: str):
        if isinstance(part, dict):
            return {key: fill(value, key) for key, value in part.items()}
        if time and is_of_source(name):
            pads = [[0, 0]] * part.shape.rank
            pads[_SOURCE_TIME[name]] = [0, time]
            part = tf.pad(part, pads)
        return _with_rows(part, rows)

    return fill(cache, "")


def _with_rows(x: tf.Tensor, rows: int) -> tf.Tensor:
    return tf.pad(x, [[0, rows], *[[0, 0]] * (x.shape.rank - 1)]) if rows else x
