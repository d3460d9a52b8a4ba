"""BLEU-1 to BLEU-4 of captions (Papineni et al., 2002), as the COCO caption evaluation defines them (Chen, 2015)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.caption_words import words
from t2t_multimodel.metrics.corpus_statistics import Statistics

_LONGEST = 4


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Lengths and counts of matched and of all n-grams of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import caption_bleu

        sums = caption_bleu.statistics(["A cat sat down."], [["a cat sat up"]]).sums
        sums.tolist()  # [[4, 4, 3, 2, 1, 0, 4, 3, 2, 1]]
        ```
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    found = [" ".join(words(text)) for text in hypotheses]
    by_number = itertools.zip_longest(*([" ".join(words(text)) for text in texts] for texts in references))
    sums = metric._extract_corpus_statistics(found, [list(column) for column in by_number])

    def combine(totals: np.ndarray) -> dict[str, float]:
        length, wanted, *counts = map(round, totals.tolist())
        matched, total = counts[:_LONGEST], counts[_LONGEST:]
        return {
            f"bleu_{n}": float(BLEU.compute_bleu(matched[:n], total[:n], length, wanted, max_ngram_order=n).score)
            for n in range(1, _LONGEST + 1)
        }

    return Statistics(np.array(sums, np.float64), combine)


@register_metric("bleu_4", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Corpus BLEU of captions with n-grams up to 1, 2, 3 and 4, from 0 to 100.

    Texts are lower-cased, split into words as in the Penn Treebank, and stripped of punctuation, as for CIDEr-D. The
    reference whose length is nearest decides the brevity penalty. Nothing is smoothed: without a matched n-gram the
    score is 0, where the COCO tools give a number below 0.1.

    Args:
        hypotheses: one caption for each image.
        references: one or more captions for each image.

    Returns:
        ``bleu_1``, ``bleu_2``, ``bleu_3`` and ``bleu_4``.

    Example:
        ```python
        from t2t_multimodel.metrics import caption_bleu

        caption_bleu.score(["a red ring here"], [["A red ring, there."]])["bleu_1"]  # 75.0
        ```
    """
    return statistics(hypotheses, references).scores()
