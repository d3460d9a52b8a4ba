"""Evaluation by decoding: what the model puts out for a generated split, scored by the problem's metrics."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from t2t_multimodel import metrics
from t2t_multimodel.data.console import progress
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.decoding.search import ProblemSearch, present

_GROUP_KEY = "meta/image_id"


@dataclasses.dataclass
class DecodedInput:
    """One decoded input.

    Attributes:
        row: of the split.
        targets: ids of each reference.
        output: the presented output.
        references: the presented references.
        repairs: that the output needed, or None where the problem counts none.
        ids: of the output, the end included; of class problems the best classes, most probable first.
        score: sum of the ids' log-probabilities in nats; of the best class alone.
    """

    row: int
    targets: list[list[int]]
    output: str = ""
    references: list[str] = dataclasses.field(default_factory=list)
    repairs: int | None = None
    ids: list[int] = dataclasses.field(default_factory=list)
    score: float = 0.0


def decode_split(
    search: ProblemSearch,
    vocabulary: Vocabulary | None,
    index: RecordIndex,
    *,
    limit: int | None = None,
    label_names: Sequence[str] = (),
) -> list[DecodedInput]:
    """Decodes a split's inputs in the order of the data.

    Records that share ``meta/image_id`` are one input with several references. Where only some inputs are decoded,
    it is the first ones, and a picture's records are looked for up to the first record of the next input alone.

    Args:
        search: of the problem.
        vocabulary: of the data, or None where neither side is text.
        index: of the split.
        limit: number of inputs; None for all.
        label_names: of the classes, for class problems.
    """
    problem = search.task.problem
    found = _inputs(search, index, limit)
    by_length = sorted(found, key=lambda one: int(index.input_length[one.row]))
    with progress(f"{problem.name}: decoding", "examples", len(found)) as bar:
        for start in range(0, len(by_length), search.hparams.batch_size):
            batch = by_length[start : start + search.hparams.batch_size]
            records = index.read([one.row for one in batch])
            for one, record, hypotheses in zip(batch, records, search(records)):
                one.score = hypotheses[0].score
                if problem.targets.autoregressive:
                    one.ids = hypotheses[0].ids
                    _present(one, problem, vocabulary, _raw_input(problem, vocabulary, record))
                else:
                    one.ids = [hypothesis.ids[0] for hypothesis in hypotheses]
                    one.output = _class_name(label_names, one.ids[0])
                    one.references = [_class_name(label_names, target[0]) for target in one.targets]
            bar.update(len(batch))
    return found


def score_decoded(
    names: tuple[str, ...], decoded: list[DecodedInput], *, resamples: int = 0, seed: int = 0
) -> dict[str, Any]:
    """The metrics of decoded inputs, as they stand in an evaluation's record.

    Args:
        names: of registered metrics.
        decoded: of `decode_split`.
        resamples: corpora drawn for bootstrap intervals; 0 leaves them out.
        seed: of the draws.

    Returns:
        the metrics' scores and their intervals, ``decoded_examples`` and, for problems that count repairs,
        ``malformed_outputs``.
    """
    outputs, references = [one.output for one in decoded], [one.references for one in decoded]
    scores: dict[str, Any] = metrics.score(names, outputs, references, resamples=resamples, seed=seed)
    scores["decoded_examples"] = len(decoded)
    repairs = [one.repairs for one in decoded if one.repairs is not None]
    if repairs:
        scores["malformed_outputs"] = sum(count > 0 for count in repairs)
    return scores


def _inputs(search: ProblemSearch, index: RecordIndex, limit: int | None) -> list[DecodedInput]:
    """The first inputs of a split with the targets of all their records."""
    found: dict[Any, DecodedInput] = {}
    target = search.task.problem.inputs.target_feature
    for row in range(len(index)):
        features = decode_features(index.read([row])[0])
        group = features.get(_GROUP_KEY)
        key = ("row", row) if group is None else tuple(itertools.chain(group))
        if key not in found:
            if limit is not None and len(found) == limit:
                break
            found[key] = DecodedInput(row, [])
        found[key].targets.append([int(i) for i in features[target]])
    return list(found.values())


def _raw_input(problem, vocabulary: Vocabulary, record: bytes) -> Any:
    return problem.inputs.raw_value(decode_features(record)[problem.inputs.record_feature().name], vocabulary)


def _class_name(names: Sequence[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else str(label)


def _present(one: DecodedInput, problem, vocabulary: Vocabulary, raw: Any) -> None:
    one.output = present(problem, vocabulary, one.ids, raw)
    one.references = [present(problem, vocabulary, target, raw) for target in one.targets]
    one.repairs = problem.count_repairs(vocabulary.decode_tokens(one.ids), raw)
