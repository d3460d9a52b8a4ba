"""BLEU (Papineni et al., 2002) as sacrebleu computes it (Post, 2018)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric


@register_metric("bleu")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Corpus BLEU, from 0 to 100, of detokenized text; upper and lower case differ.

    Args:
        hypotheses: outputs.
        references: one or more references for each output; their number may differ between outputs.

    Returns:
        ``bleu``, and ``bleu_signature``: sacrebleu's tokenization, smoothing and version.

    Example:
        ```python
        from t2t_multimodel.metrics import bleu

        references = [["The cat sat on the mat.", "A cat sat on the mat."]]
        bleu.score(["A cat sat on the mat."], references)["bleu"]  # 100.0
        ```
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    by_number = [list(column) for column in itertools.zip_longest(*references)]
    bleu = metric.corpus_score(list(hypotheses), by_number)
    return {"bleu": float(bleu.score), "bleu_signature": str(metric.get_signature())}
