"""BLEU (Papineni et al., 2002) as sacrebleu computes it (Post, 2018)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric


@register_metric("bleu")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Corpus BLEU, from 0 to 100, of detokenized text; the case counts.

    Args:
        hypotheses: outputs.
        references: of each output one or more references; outputs may have different numbers of them.

    Returns:
        ``bleu``, and ``bleu_signature``: sacrebleu's tokenization, smoothing and version.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    by_number = [list(column) for column in itertools.zip_longest(*references)]
    bleu = metric.corpus_score(list(hypotheses), by_number)
    return {"bleu": float(bleu.score), "bleu_signature": str(metric.get_signature())}
