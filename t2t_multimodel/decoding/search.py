"""Search for the outputs of one problem's records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import PAD_ID
from t2t_multimodel.decoding.classify import make_classify_step
from t2t_multimodel.decoding.compiled import make_compiled_search
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.prefix import PrefixConstraint
from t2t_multimodel.decoding.sampling import uniform_numbers
from t2t_multimodel.decoding.steps import NO_OUTPUT, Found, round_length
from t2t_multimodel.decoding.traced import make_search, make_sliced_search
from t2t_multimodel.errors import DecodeError
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One output of a search.

    Attributes:
        ids: target ids, the end included, or one class.
        score: sum of their log-probabilities in nats.
        penalized: score over the length penalty, by which a beam's outputs are ranked; None where there is no beam.
    """

    ids: list[int]
    score: float
    penalized: float | None = None


@dataclasses.dataclass(frozen=True)
class FoundSoFar:
    """What a search has found of one record.

    Attributes:
        hypotheses: best first; before the end the best one that still grows, alone.
        finished: these are those that the search in one go finds.
    """

    hypotheses: list[Hypothesis]
    finished: bool


class ProblemSearch:
    """Finds the best outputs of batches of records.

    Args:
        model: a trained model.
        task: the problem.
        hparams: how to search.
        vocabulary: of the model; without it outputs are not held to a problem's grammar.

    Call arguments:
        records: serialized examples of the problem; their targets are not looked at.
        prefixes: for each record the ids that its outputs begin with, or None for none.

    Attributes:
        constraint: the problem's, which outputs are held to, or None.

    Raises:
        DecodeError: the beam is wider than half of the ids.

    Returns:
        for each record its hypotheses, best first. They do not depend on the other records, nor on their order.
    """

    def __init__(
        self,
        model: MultiModel,
        task: Task,
        hparams: DecodeHParams = DEFAULT,
        vocabulary: AnyVocabulary | None = None,
    ):
        self.task, self.hparams = task, hparams
        self._model, self._vocabulary = model, vocabulary
        self._parse = RecordParser(task.problem, model.hparams.modalities)
        num_ids = task.problem.targets.num_ids(model.vocab_size)
        if task.problem.targets.autoregressive and 2 * hparams.beam_size > num_ids:
            raise DecodeError(
                f"beam_size={hparams.beam_size} is too wide for {num_ids} ids; give at most {num_ids // 2}"
            )
        offered = task.problem.output_constraint(vocabulary) if hparams.constrained and vocabulary else None
        self.constraint = offered if task.problem.targets.autoregressive else None

    def __call__(
        self, records: Sequence[bytes], prefixes: Sequence[Sequence[int]] | None = None
    ) -> list[list[Hypothesis]]:
        batch = self._parse(tf.constant(records))
        if not self.task.problem.targets.autoregressive:
            return self._classes(batch)
        lengths, size = self._lengths(batch)
        constraints, features = self._constraints(records, prefixes)
        search = self.traced(size, constraints)
        uniform = self._uniform(records, size)
        found = search(batch, tf.constant(self.task.command), lengths, features, uniform)
        return [_hypotheses(*row, self.hparams) for row in zip(*(value.numpy() for value in found))]

    def stream(self, record: bytes, every: int = 4) -> Iterator[FoundSoFar]:
        """What the search of one record has found after each `every` ids, and at its end.

        Args:
            record: a serialized example of the problem.
            every: ids of a slice.
        """
        if not self.task.problem.targets.autoregressive:
            yield FoundSoFar(self([record])[0], finished=True)
            return
        batch = self._parse(tf.constant([record]))
        lengths, size = self._lengths(batch)
        constraints, features = self._constraints([record], None)
        search = self._traced("sliced search", make_sliced_search, size, constraints)
        command, uniform = tf.constant(self.task.command), self._uniform([record], size)
        state, unfinished, until = search.start(batch, command, lengths, features, uniform), True, 0
        while unfinished:
            until += every
            state, unfinished, found, growing = search.advance(state, command, lengths, uniform, tf.constant(until))
            if unfinished:
                ids = growing.numpy()[0]
                yield FoundSoFar([Hypothesis(ids[ids != PAD_ID].tolist(), float("nan"))], finished=False)
        yield FoundSoFar(_hypotheses(*(value.numpy()[0] for value in found), self.hparams), finished=True)

    def _lengths(self, batch) -> tuple[tf.Tensor, int]:
        """A length for each row, so that none depends on what else is in the batch, and that of the cache."""
        lengths = np.asarray(self.task.problem.inputs.output_lengths(batch, self.hparams.extra_length))
        return tf.constant(lengths), round_length(int(lengths.max(initial=1)))

    def _classes(self, batch) -> list[list[Hypothesis]]:
        return [
            [Hypothesis([one], math.log(max(p, 1e-38))) for one, p in zip(row.tolist(), row_p.tolist())]
            for row, row_p in zip(*(value.numpy() for value in self.traced_classifier()(batch)))
        ]

    def traced_classifier(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """The step of `make_classify_step`, traced once for problems of one kind."""
        key = "classify", self.task.step_key(self._model.hparams.modalities)
        return self._model.traces.get(key, lambda: make_classify_step(self._model, self.task.problem))

    def traced(self, size: int, constraints: tuple[OutputConstraint, ...]) -> Callable[..., Found]:
        """The search of `make_search` for outputs of up to `size` ids, traced once for problems of one kind."""
        make = make_compiled_search if self.hparams.compile == "xla" else make_search
        return self._traced("search", make, size, constraints)

    def _traced(self, kind: str, make: Callable[..., Any], size: int, constraints: tuple[OutputConstraint, ...]):
        model, hparams = self._model, self.hparams.of_trace()
        key = kind, self.task.step_key(model.hparams.modalities), hparams, size, constraints
        return model.traces.get(key, lambda: make(model, self.task.problem, hparams, size, constraints))

    def _constraints(self, records, prefixes):
        constraints, features = [], []
        if self.constraint is not None:
            inputs = [_raw_input(self.task.problem, self._vocabulary, record) for record in records]
            constraints.append(self.constraint)
            features.append(self.constraint.features(inputs))
        if prefixes is not None and any(prefixes):
            constraints.append(PrefixConstraint(self.task.problem.targets.num_ids(self._model.vocab_size)))
            features.append(constraints[-1].features(prefixes))
        return tuple(constraints), [{name: tf.constant(value) for name, value in one.items()} for one in features]

    def _uniform(self, records, size: int) -> tf.Tensor:
        if not self.hparams.samples:
            return tf.zeros([len(records), 0])
        name = self.task.problem.inputs.record_feature().name
        keys = [str(decode_features(record)[name]).encode() for record in records]
        return tf.constant(uniform_numbers(self.hparams.sampling_seed, keys, size))


def _hypotheses(ids, scores, penalized, hparams: DecodeHParams) -> list[Hypothesis]:
    """The outputs of one input: all of a beam that there are, or the best alone."""
    count = 1 + int((penalized[1:] > NO_OUTPUT).sum()) if hparams.return_beams else 1
    ranks = penalized.tolist() if hparams.beam_size > 1 else [None]
    rows = [row[row != PAD_ID].tolist() for row in ids[:count]]
    return [Hypothesis(*one) for one in zip(rows, scores.tolist(), ranks)]


def _raw_input(problem: Problem, vocabulary: AnyVocabulary, record: bytes) -> Any:
    return problem.inputs.raw_value(decode_features(record)[problem.inputs.record_feature().name], vocabulary)


def present(problem: Problem, vocabulary: AnyVocabulary, ids: Iterable[int], raw: Any) -> str:
    """The line that stands for target ids.

    Args:
        problem: whose `present_output` makes it.
        vocabulary: of the ids.
        ids: up to the first end id, or to the end.
        raw: the raw input.
    """
    ids = list(ids)
    return problem.present_output(vocabulary.decode_tokens(ids), vocabulary.decode(ids), raw)
