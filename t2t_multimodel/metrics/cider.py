"""CIDEr-D: consensus of a caption with several references (Vedantam, Zitnick and Parikh, 2015)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.metrics import Scores, register_metric

_LONGEST = 4
_SIGMA = 6.0
_SCALE = 10.0
# Words as the Penn Treebank cuts them, so far as captions have them: "don't" is "do n't", "dog's" is "dog 's".
_WORD = re.compile(r"\w+?(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|\w+(?:[-.,/]\w+)*")

Vector = dict[tuple[str, ...], float]


@register_metric("cider")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """CIDEr-D, from 0 to 10, the mean over all captions.

    Texts are lower-cased, cut into words as the Penn Treebank does, and stripped of punctuation. The weights of
    n-grams come from the references of the corpus that is scored, so scores of different corpora (or different
    parts of one) do not compare, and a corpus of one picture scores 0.

    Args:
        hypotheses: a caption of each picture.
        references: one or more captions of each picture.

    Returns:
        ``cider``.
    """
    found = [words(text) for text in hypotheses]
    wanted = [[words(text) for text in texts] for texts in references]
    return {"cider": float(cider_d(found, wanted).mean())}


def words(text: str) -> list[str]:
    """The lower-cased words of a caption, without punctuation."""
    return _WORD.findall(text.lower())


def cider_d(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """CIDEr-D of each caption.

    For n from 1 to 4, a caption is the vector of its n-grams, each weighted by its count times
    log(pictures / pictures whose references have it). The score is the mean over n and over references of the cosine
    of the two vectors, the caption's weights clipped to the reference's, times exp(-d^2 / (2 * 6^2)) for a
    difference of d words, times 10.

    Args:
        hypotheses: words of a caption of each picture.
        references: words of one or more captions of each picture.

    Returns:
        scores `[pictures]`, float64.
    """
    counts = [[_ngrams(reference) for reference in texts] for texts in references]
    pictures_with = Counter(ngram for texts in counts for ngram in set().union(*texts))
    scores = np.zeros(len(hypotheses))
    for i, (hypothesis, texts) in enumerate(zip(hypotheses, references)):
        found = _vectors(_ngrams(hypothesis), pictures_with, len(references))
        for reference, ngrams in zip(texts, counts[i]):
            wanted = _vectors(ngrams, pictures_with, len(references))
            difference = len(hypothesis) - len(reference)
            penalty = math.exp(-(difference**2) / (2 * _SIGMA**2))
            scores[i] += penalty * np.mean([_similarity(a, b) for a, b in zip(found, wanted)]) / len(texts)
    return _SCALE * scores


def _ngrams(text: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[start : start + n]) for n in range(1, _LONGEST + 1) for start in range(len(text) - n + 1))


def _vectors(counts: Counter[tuple[str, ...]], pictures_with: Counter, pictures: int) -> list[Vector]:
    """Weights of the n-grams, one vector for each n."""
    vectors: list[Vector] = [{} for _ in range(_LONGEST)]
    for ngram, count in counts.items():
        vectors[len(ngram) - 1][ngram] = count * math.log(pictures / max(1, pictures_with[ngram]))
    return vectors


def _similarity(found: Vector, wanted: Vector) -> float:
    """Cosine of two vectors, the first clipped to the second."""
    weights = np.fromiter(found.values(), np.float64, len(found))
    counterparts = np.array([wanted.get(ngram, 0.0) for ngram in found])
    norms = np.linalg.norm(weights) * np.linalg.norm(np.fromiter(wanted.values(), np.float64, len(wanted)))
    return float(np.minimum(weights, counterparts) @ counterparts / norms) if norms else 0.0
