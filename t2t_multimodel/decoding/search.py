"""Search for the outputs of one problem's records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.greedy import make_classify_step, make_greedy_step
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One output of a search.

    Attributes:
        ids: target ids, the end included, or one class.
        score: sum of their log-probabilities in nats.
    """

    ids: list[int]
    score: float


class ProblemSearch:
    """Finds the best outputs of batches of records.

    Args:
        model: a trained model.
        task: the problem.
        hparams: how to search.

    Call arguments:
        records: serialized examples of the problem; their targets are not looked at.

    Returns:
        for each record its hypotheses, best first.
    """

    def __init__(self, model: MultiModel, task: Task, hparams: DecodeHParams = DEFAULT):
        self.task, self.hparams = task, hparams
        self._parse = RecordParser(task.problem, model.hparams.modalities)
        self._decoded = task.problem.targets.autoregressive
        self._step = (make_greedy_step if self._decoded else make_classify_step)(model, task.problem)

    def __call__(self, records: Sequence[bytes]) -> list[list[Hypothesis]]:
        batch = self._parse(tf.constant(records))
        if not self._decoded:
            classes, probabilities = (value.numpy() for value in self._step(batch))
            return [
                [Hypothesis([one], math.log(max(p, 1e-38))) for one, p in zip(row.tolist(), row_p.tolist())]
                for row, row_p in zip(classes, probabilities)
            ]
        lengths = self.task.problem.inputs.output_lengths(batch, self.hparams.extra_length)
        # A length for each row, so that none depends on what else is in the batch.
        ids, scores = self._step(batch, tf.constant(self.task.command), tf.constant(lengths))
        found = [row[:length] for row, length in zip(ids.numpy(), lengths)]
        return [[Hypothesis(row[row != 0].tolist(), float(score))] for row, score in zip(found, np.asarray(scores))]


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
