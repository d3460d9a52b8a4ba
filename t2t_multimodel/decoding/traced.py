"""Searches as one compiled function of a batch each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from t2t_multimodel.body.cache import Cache
from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.beam import beam_search
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.greedy import greedy_search, most_probable
from t2t_multimodel.decoding.sampling import make_choice
from t2t_multimodel.decoding.steps import Found, model_cache, model_step
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
        held = {"constraints": constraints, "features": features, "max_lengths": max_lengths}
        cache = model_cache(model, model.encode(problem.inputs, batch), length, beams=hparams.beam_size, **held)
        return run_search(model, problem, hparams, length, constraints, cache, command, max_lengths, uniform)

    return search


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


def run_search(
    model: MultiModel,
    problem: Problem,
    hparams: DecodeHParams,
    length: int,
    constraints: Sequence[OutputConstraint],
    cache: Cache,
    command: tf.Tensor,
    max_lengths: tf.Tensor,
    uniform: tf.Tensor,
) -> Found:
    """The search that hparams ask for, over a cache of `model_cache`; arguments as of `make_search`."""
    step = model_step(model, problem.targets, command, constraints)
    if hparams.beam_size > 1:
        how = {"beams": hparams.beam_size, "alpha": hparams.alpha, "stop_early": not hparams.return_beams}
        return beam_search(step, cache, max_lengths, length, **how)
    return greedy_search(step, cache, max_lengths, length, _choice(hparams, uniform))


def _choice(hparams: DecodeHParams, uniform: tf.Tensor):
    if not hparams.samples:
        return most_probable
    return make_choice(uniform, hparams.sampling_temp, hparams.sampling_keep_top_k, hparams.sampling_top_p)
