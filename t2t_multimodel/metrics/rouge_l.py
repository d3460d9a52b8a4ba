"""ROUGE-L of captions: longest common subsequences (Lin, 2004), as COCO's evaluation defines it (Chen, 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.caption_words import words
from t2t_multimodel.metrics.corpus_statistics import Statistics, mean_statistics

_BETA = 1.2


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """The score of each caption, and 1; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import rouge_l

        rouge_l.statistics(["a ring"], [["a ring"]]).sums.tolist()  # [[1.0, 1.0]]
        ```
    """
    each = [_f_score(words(found), [words(text) for text in texts]) for found, texts in zip(hypotheses, references)]
    return mean_statistics("rouge_l", each)


@register_metric("rouge_l", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """ROUGE-L, from 0 to 1, the mean over all captions.

    Precision and recall are the longest common subsequence of words over the words of caption and reference, each the
    best over the references; F weighs recall 1.2 times. Words are those of CIDEr-D.

    Args:
        hypotheses: one caption for each image.
        references: one or more captions for each image.

    Returns:
        ``rouge_l``.

    Example:
        ```python
        from t2t_multimodel.metrics import rouge_l

        rouge_l.score(["a red ring"], [["a red ring", "a circle"]])["rouge_l"]  # 1.0
        ```
    """
    return statistics(hypotheses, references).scores()


def _f_score(found: list[str], references: list[list[str]]) -> float:
    common = [_common_subsequence(found, wanted) for wanted in references]
    precision = max(common) / max(1, len(found))
    recall = max(length / max(1, len(wanted)) for length, wanted in zip(common, references))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common_subsequence(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        above, row = row, [0]
        for at, wanted in enumerate(other):
            row.append(above[at] + 1 if word == wanted else max(above[at + 1], row[at]))
    return row[-1]
