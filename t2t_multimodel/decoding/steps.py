"""What every search is made of: a step from the last ids to the scores of the next ones, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from t2t_multimodel.body.cache import Cache
from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.spec import TargetSpec
from t2t_multimodel.data.vocabulary.vocabulary import PAD_ID
from t2t_multimodel.model import Encoded, MultiModel

# Lengths of caches: each is one trace of a search. Longer ones are multiples of the last.
_LENGTHS = (16, 32, 64, 128, 192, 256, 384, 512)

NO_OUTPUT = -1e6  # penalized scores below stand for no output


class Scores(NamedTuple):
    """Scores of the next id.

    Attributes:
        logits: float32 `[rows, ids]`; very low where a constraint forbids an id.
        total: logarithm of the sum of exponentials of all logits before any constraint, `[rows]`.
    """

    logits: tf.Tensor
    total: tf.Tensor

    def log_probabilities(self, ids: tf.Tensor) -> tf.Tensor:
        """Log-probabilities of ids `[rows]` or `[rows, n]`, in nats."""
        chosen = tf.gather(self.logits, ids, batch_dims=1)
        return chosen - (self.total if ids.shape.rank == 1 else self.total[:, tf.newaxis])


Step = Callable[[tf.Tensor, Cache], tuple[Scores, Cache]]


class Found(NamedTuple):
    """What a search found for each input, best first.

    Attributes:
        ids: int32 `[batch, n, length]`, the end included, then 0.
        scores: sums of their log-probabilities, `[batch, n]` in nats.
        penalized: what they are ranked by, `[batch, n]`; very low where there is no n-th output.
    """

    ids: tf.Tensor
    scores: tf.Tensor
    penalized: tf.Tensor


def scores_of(logits: tf.Tensor) -> Scores:
    """Scores without a constraint; logits `[rows, ids]`."""
    logits = tf.cast(logits, tf.float32)
    return Scores(logits, logits[:, 0] - tf.nn.log_softmax(logits)[:, 0])  # faster than reduce_logsumexp


def model_step(
    model: MultiModel, spec: TargetSpec, command: tf.Tensor, constraints: Sequence[OutputConstraint] = ()
) -> Step:
    """The step of a model, over a cache of `model_cache`."""

    def step(ids, cache):
        logits, after = model.step(spec, ids, cache["model"], command)
        scores = scores_of(logits)
        states = {}
        for number, constraint in enumerate(constraints):
            state = states[str(number)] = constraint.advance(cache["constraints"][str(number)], ids)
            scores = scores._replace(logits=scores.logits + constraint.penalties(state))
        return scores, {"model": after, "constraints": states}

    return step


def model_cache(
    model: MultiModel,
    encoded: Encoded,
    length: int,
    *,
    beams: int = 1,
    constraints: Sequence[OutputConstraint] = (),
    features: Sequence[dict[str, tf.Tensor]] = (),
    max_lengths: tf.Tensor | None = None,
) -> Cache:
    """The cache before the first id.

    Args:
        model: the model.
        encoded: the encoder's output for `batch` inputs.
        length: longest output of the batch.
        beams: outputs that are grown for each input.
        constraints: what outputs are held to.
        features: of each constraint, `[batch, ...]`.
        max_lengths: longest output of each input, int32 `[batch]`; constraints need it.
    """
    states = {}
    for number, (constraint, given) in enumerate(zip(constraints, features)):
        repeated = {name: tf.repeat(value, beams, 0) for name, value in given.items()}
        states[str(number)] = constraint.init_state(repeated, tf.repeat(max_lengths, beams, 0))
    return {"model": model.init_cache(encoded, length, beams), "constraints": states}


def start_ids(rows: tf.Tensor) -> tf.Tensor:
    """What stands before the first id, `[rows]`."""
    return tf.fill([rows], PAD_ID)


def round_length(length: int) -> int:
    """The length of the cache that serves outputs of `length` ids: one of a few, so that searches are traced rarely.

    Example:

        round_length(20)  # 32
    """
    for rounded in _LENGTHS:
        if length <= rounded:
            return rounded
    return -(-length // _LENGTHS[-1]) * _LENGTHS[-1]


def put(sequences: tf.Tensor, at: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Sequences `[..., length]` with `ids` `[...]` at position `at`."""
    here = tf.equal(tf.range(sequences.shape[-1]), at)
    return tf.where(here, ids[..., tf.newaxis], sequences)
