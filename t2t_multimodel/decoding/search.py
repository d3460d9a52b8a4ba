"""Search for the outputs of one problem's records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.specs import ClassLabelSpec, SymbolSpec
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.greedy import make_classify_step, make_greedy_step
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task


class ProblemSearch:
    """Finds the best outputs of batches of records.

    Args:
        model: a trained model.
        task: the problem.
        hparams: how to search.

    Call arguments:
        records: serialized examples of the problem; their targets are not looked at.

    Returns:
        for each record its output ids, or its best classes, best first.
    """

    def __init__(self, model: MultiModel, task: Task, hparams: DecodeHParams = DEFAULT):
        self.task, self.hparams = task, hparams
        self._parse = RecordParser(task.problem, model.hparams.modalities)
        self._classes = isinstance(task.problem.targets, ClassLabelSpec)
        self._step = (make_classify_step if self._classes else make_greedy_step)(model, task.problem)

    def __call__(self, records: Sequence[bytes]) -> list[list[int]]:
        batch = self._parse(tf.constant(records))
        if self._classes:
            return self._step(batch).numpy().tolist()
        lengths = np.full(len(records), self.hparams.extra_length, np.int32)
        if isinstance(self.task.problem.inputs, SymbolSpec):
            lengths += np.count_nonzero(batch["inputs"].numpy(), axis=1).astype(np.int32)
        rows = self._step(batch, tf.constant(self.task.command), tf.constant(lengths.max())).numpy()
        # Each row is cut at its own limit, lest it depend on what else is in the batch.
        return [row[:length].tolist() for row, length in zip(rows, lengths)]


def present(problem: Problem, vocabulary: Vocabulary, ids: Iterable[int], raw: Any) -> str:
    """The line that stands for target ids.

    Args:
        problem: whose `present_output` makes it.
        vocabulary: of the ids.
        ids: up to the first end id, or to the end.
        raw: the raw input.
    """
    ids = list(ids)
    return problem.present_output(vocabulary.decode_tokens(ids), vocabulary.decode(ids), raw)
