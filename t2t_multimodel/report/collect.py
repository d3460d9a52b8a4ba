"""Gathers what the report shows of one problem from its decoded examples and the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel import metrics
from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.inspect.side import SideContext
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.decoding.split_scores import DecodedInput
from t2t_multimodel.metrics.classes import confusion_matrix
from t2t_multimodel.report.attention import read_attention
from t2t_multimodel.report.expert_loads import expert_loads
from t2t_multimodel.report.problem_report import ProblemReport, ShownExample
from t2t_multimodel.runs.load import LoadedRun
from t2t_multimodel.runs.task import Task

# Scores of single examples that tell more than BLEU, which is 0 for most sentences.
_RANKED_BY = ("bracket_f1", "chrf", "cider", "wer")
_LOAD_EXAMPLES = 64


def collect(
    run: LoadedRun,
    task: Task,
    record: dict[str, Any],
    index: RecordIndex,
    decoded: Sequence[DecodedInput],
    names: Sequence[str] = (),
    *,
    examples: int = 3,
) -> ProblemReport:
    """What the report shows of one problem.

    Args:
        run: a loaded run.
        task: the problem.
        record: of its evaluation.
        index: of the evaluated split.
        decoded: of `decode_split`; may be empty.
        names: of the metrics that they were scored by.
        examples: best and worst ones that are shown, each.
    """
    problem, classes = task.problem, not task.problem.targets.autoregressive
    labels = tuple(run.label_names.get(task.name, ())) if classes else ()
    confusion = None
    if classes and decoded:
        wanted = [one.targets[0][0] for one in decoded]
        confusion = confusion_matrix([one.ids[0] for one in decoded], wanted, problem.targets.num_ids(0))
        labels = labels if len(labels) == len(confusion) else tuple(map(str, range(len(confusion))))
    ranked_by, order, scores = _ranking(task, decoded, names)
    shown = min(examples, (len(order) + 1) // 2)
    chosen = [*order[:shown], *order[len(order) - min(shown, len(order) - shown) :][::-1]]
    details = show_examples(run, task, index, [decoded[i] for i in chosen], [scores[i] for i in chosen])
    return ProblemReport(
        record=record,
        metrics=tuple(names),
        ranked_by=ranked_by,
        best=tuple(details[:shown]),
        worst=tuple(details[shown:]),
        trees="bracket_f1" in names,
        confusion=confusion,
        class_names=labels,
        loads=expert_loads(run.model, task, index, range(min(len(index), _LOAD_EXAMPLES))),
    )


def _ranking(
    task: Task, decoded: Sequence[DecodedInput], names: Sequence[str]
) -> tuple[str | None, list[int], list[float]]:
    """The score that examples are told by, their order by it, best first, and their scores."""
    if not decoded:
        return None, [], []
    if not task.problem.targets.autoregressive:
        # Of right ones the surest is the best, of wrong ones the surest is the worst.
        right = [float(one.ids[0] == one.targets[0][0]) for one in decoded]
        signed = [np.exp(one.score) * (1 if hit else -1) for one, hit in zip(decoded, right)]
        return "top1", sorted(range(len(decoded)), key=lambda i: -signed[i]), right
    outputs, references = [one.output for one in decoded], [one.references for one in decoded]
    for name in sorted(names, key=lambda name: name not in _RANKED_BY):
        statistics = metrics.statistics(name, outputs, references)
        if statistics is not None:
            scores, sign = statistics.example_scores(name), 1 if name in metrics.ERROR_RATES else -1
            # Of equal ones, the one that the model is surer of.
            order = sorted(range(len(decoded)), key=lambda i: (sign * scores[i], -decoded[i].score))
            return name, order, scores
    scores = [one.score for one in decoded]
    return "log_probability", sorted(range(len(decoded)), key=lambda i: -scores[i]), scores


def show_examples(
    run: LoadedRun, task: Task, index: RecordIndex, decoded: Sequence[DecodedInput], scores: Sequence[float]
) -> list[ShownExample]:
    """Decoded examples in a form for people, with their attention.

    Args:
        run: a loaded run.
        task: the problem.
        index: of the split.
        decoded: of `decode_split`.
        scores: of each.
    """
    problem, modalities = task.problem, run.manifest.hparams.modalities
    context = SideContext(run.vocabulary, run.label_names.get(task.name), modalities)
    parse, shown = RecordParser(problem, modalities), []
    for one, score in zip(decoded, scores):
        (record,) = index.read([one.row])
        stored = decode_features(record)[problem.inputs.record_feature().name]
        ids = one.ids if problem.targets.autoregressive else []
        attention = read_attention(run.model, task, parse(tf.constant([record])), ids, run.vocabulary) if ids else None
        shown.append(
            ShownExample(
                row=one.row,
                score=score,
                log_probability=one.score,
                inputs=problem.inputs.show(stored, context),
                output=one.output,
                references=tuple(one.references),
                attention=attention,
            )
        )
    return shown
