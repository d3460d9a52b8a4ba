"""BLEU (Papineni et al., 2002) as sacrebleu computes it (Post, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.metrics.sacre import sacrebleu_statistics


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Lengths and counts of matched and of all n-grams of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import bleu

        bleu.statistics(["a cat sat down"], [["a cat sat up"]]).sums.tolist()  # [[4, 4, 3, 2, 1, 0, 4, 3, 2, 1]]
        ```
    """
    from sacrebleu.metrics import BLEU

    return sacrebleu_statistics("bleu", BLEU(), hypotheses, references)


@register_metric("bleu", statistics=statistics)
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
    return statistics(hypotheses, references).scores()
