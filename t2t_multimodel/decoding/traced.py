"""Searches as one compiled function of a batch each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.body.cache import Cache
from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.beam import beam_loop
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.greedy import greedy_loop, most_probable
from t2t_multimodel.decoding.loop import Loop, State, run_slice, run_to_end
from t2t_multimodel.decoding.sampling import make_choice
from t2t_multimodel.decoding.steps import Found, model_cache, model_step
from t2t_multimodel.kernels.precision import products_in
from t2t_multimodel.model import MultiModel


def make_search(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint] = (),
) -> Callable[..., Found]:
    """A traced `search(batch, command, max_lengths, features, uniform)`, batch and time of the source free.

    Args:
        model: the model.
        problem: only its specs count.
        hparams: how to search.
        length: of the cache; no `max_lengths` may be more.
        constraints: what outputs are held to.

    Call arguments:
        batch: of a `RecordParser`.
        command: id of the command token, int32 scalar.
        max_lengths: longest output of each row, int32 `[batch]`.
        features: of each constraint, by its `features`.
        uniform: float32 `[batch, length]` of `uniform_numbers` for sampling; else `[batch, 0]`.
    """

    @tf.function(autograph=False, input_signature=search_signature(model, problem, constraints))
    def search(batch, command, max_lengths, features, uniform):
        with _products(model, hparams):
            cache = first_cache(model, problem, hparams, length, constraints, batch, max_lengths, features)
            loop = search_loop(model, problem, hparams, length, constraints, cache, command, max_lengths, uniform)
            return run_to_end(loop)

    return search


class SlicedSearch(NamedTuple):
    """A search of one or more inputs in slices: the same ids and scores as in one go.

    Attributes:
        start: takes the call arguments of `make_search`, gives the state before the first id.
        advance: takes a state, command, max_lengths, uniform and a position; gives the state there or at the end,
            whether the search is unfinished, what it found so far, and the best output that still grows.
    """

    start: Callable[..., State]
    advance: Callable[..., tuple[State, tf.Tensor, Found, tf.Tensor]]


def make_sliced_search(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint] = (),
) -> SlicedSearch:
    """The search of `make_search`, in slices."""

    @tf.function(autograph=False, input_signature=search_signature(model, problem, constraints))
    def start(batch, command, max_lengths, features, uniform):
        with _products(model, hparams):
            cache = first_cache(model, problem, hparams, length, constraints, batch, max_lengths, features)
            loop = search_loop(model, problem, hparams, length, constraints, cache, command, max_lengths, uniform)
        return tf.nest.map_structure(tf.convert_to_tensor, loop.state)

    first = start.get_concrete_function().structured_outputs
    state = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), first)
    rest = [tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.float32)]

    @tf.function(autograph=False, input_signature=[state, *rest, tf.TensorSpec([], tf.int32)])
    def advance(state, command, max_lengths, uniform, until):
        with _products(model, hparams):
            loop = search_loop(model, problem, hparams, length, constraints, state[-1], command, max_lengths, uniform)
            state, unfinished = run_slice(loop._replace(state=state), until)
        return state, unfinished, loop.found(*state), loop.growing(*state)

    return SlicedSearch(start, advance)


def search_signature(
    model: MultiModel, problem: Problem, constraints: Sequence[OutputConstraint]
) -> list[tf.TensorSpec]:
    """Shapes and types of the arguments of a search, batch and time free."""
    return [
        batch_signature(problem.inputs, problem.targets, model.hparams.modalities),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([None], tf.int32),
        [
            {name: tf.TensorSpec([None, *shape], tf.int32) for name, shape in constraint.feature_shapes.items()}
            for constraint in constraints
        ],
        tf.TensorSpec([None, None], tf.float32),
    ]


def first_cache(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint],
    batch: Mapping[str, tf.Tensor],
    max_lengths: tf.Tensor,
    features: Sequence[Mapping[str, tf.Tensor]],
) -> Cache:
    """The cache before the first id of a batch's outputs; arguments as of `make_search`."""
    encoded = model.encode(problem.inputs, batch)
    held = {"constraints": constraints, "features": features, "max_lengths": max_lengths}
    return model_cache(model, encoded, length, beams=hparams.beam_size, **held)


def search_loop(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint],
    cache: Cache,
    command: tf.Tensor,
    max_lengths: tf.Tensor,
    uniform: tf.Tensor,
) -> Loop:
    """The loop that hparams ask for, over a cache of `model_cache`; arguments as of `make_search`."""
    step = model_step(model, problem.targets, command, constraints)
    if hparams.beam_size > 1:
        how = {"beams": hparams.beam_size, "alpha": hparams.alpha, "stop_early": not hparams.return_beams}
        return beam_loop(step, cache, max_lengths, length, **how)
    return greedy_loop(step, cache, max_lengths, length, _choice(hparams, uniform))


def _products(model: MultiModel, hparams: DecodeHParams) -> contextlib.AbstractContextManager[None]:
    """The block in which products are computed as hparams ask for; kernels are cast before the loop over ids."""
    kernels = [variable for variable in model.trainable_variables if len(variable.shape) in (2, 3)]
    return products_in(hparams.precision, kernels=kernels)


def _choice(hparams: DecodeHParams, uniform: tf.Tensor):
    if not hparams.samples:
        return most_probable
    return make_choice(uniform, hparams.sampling_temp, hparams.sampling_keep_top_k, hparams.sampling_top_p)
