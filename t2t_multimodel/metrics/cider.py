"""CIDEr-D: consensus of a caption with several references (Vedantam, Zitnick and Parikh, 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.caption_words import words
from t2t_multimodel.metrics.corpus_statistics import Statistics, mean_statistics

_LONGEST = 4
_SIGMA = 6.0
_SCALE = 10.0

Vector = dict[tuple[str, ...], float]


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """The score of each caption, and 1; arguments as those of `score`.

    A corpus that is drawn from the captions keeps the weights of n-grams of the whole one.

    Example:
        ```python
        from t2t_multimodel.metrics import cider

        cider.statistics(["a red ring"], [["a red ring"]]).sums.tolist()  # [[0.0, 1.0]]
        ```
    """
    found = [words(text) for text in hypotheses]
    wanted = [[words(text) for text in texts] for texts in references]
    return mean_statistics("cider", cider_d(found, wanted))


@register_metric("cider", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """CIDEr-D, from 0 to 10, the mean over all captions.

    Texts are lower-cased, split into words as in the Penn Treebank, and stripped of punctuation. The weights of
    n-grams come from the references of the corpus that is scored. Therefore scores of different corpora (or of
    different parts of one) cannot be compared, and a corpus of one image scores 0.

    Args:
        hypotheses: one caption for each image.
        references: one or more captions for each image.

    Returns:
        ``cider``.

    Example:
        ```python
        from t2t_multimodel.metrics import cider

        captions = ["a red ring on the grass", "two dogs run along a beach"]
        cider.score(captions, [["a red ring on the grass"], ["two dogs run along a beach"]])  # {"cider": 10.0}
        ```
    """
    return statistics(hypotheses, references).scores()


def cider_d(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """CIDEr-D of each caption.

    For n from 1 to 4, a caption is a vector with one weight for each n-gram: its count times
    log(images / images whose references have the n-gram). The similarity of two captions is the cosine of their
    vectors, with the weights of the first clipped to those of the reference. It is multiplied by
    exp(-d^2 / (2 * 6^2)), where d is the difference of their numbers of words. The score is 10 times the mean over n
    and over the references.

    Args:
        hypotheses: the words of one caption for each image.
        references: the words of one or more captions for each image.

    Returns:
        scores `[images]`, float64.

    Example:
        ```python
        from t2t_multimodel.metrics import cider

        hypotheses = [["a", "ring"], ["two", "dogs"]]
        cider.cider_d(hypotheses, [[["a", "ring"]], [["two", "cats"]]]).round(3).tolist()  # [5.0, 1.25]
        ```
    """
    counts = [[_ngrams(reference) for reference in texts] for texts in references]
    images_with = Counter(ngram for texts in counts for ngram in set().union(*texts))
    scores = np.zeros(len(hypotheses))
    for i, (hypothesis, texts) in enumerate(zip(hypotheses, references)):
        found = _vectors(_ngrams(hypothesis), images_with, len(references))
        for reference, ngrams in zip(texts, counts[i]):
            wanted = _vectors(ngrams, images_with, len(references))
            difference = len(hypothesis) - len(reference)
            penalty = math.exp(-(difference**2) / (2 * _SIGMA**2))
            scores[i] += penalty * np.mean([_similarity(a, b) for a, b in zip(found, wanted)]) / len(texts)
    return _SCALE * scores


def _ngrams(text: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[start : start + n]) for n in range(1, _LONGEST + 1) for start in range(len(text) - n + 1))


def _vectors(counts: Counter[tuple[str, ...]], images_with: Counter, images: int) -> list[Vector]:
    """Weights of the n-grams, one vector for each n."""
    vectors: list[Vector] = [{} for _ in range(_LONGEST)]
    for ngram, count in counts.items():
        vectors[len(ngram) - 1][ngram] = count * math.log(images / max(1, images_with[ngram]))
    return vectors


def _similarity(found: Vector, wanted: Vector) -> float:
    """Cosine of two vectors, the first clipped to the second."""
    weights = np.fromiter(found.values(), np.float64, len(found))
    counterparts = np.array([wanted.get(ngram, 0.0) for ngram in found])
    norms = np.linalg.norm(weights) * np.linalg.norm(np.fromiter(wanted.values(), np.float64, len(wanted)))
    return float(np.minimum(weights, counterparts) @ counterparts / norms) if norms else 0.0
