"""chrF (Popović, 2015) as sacrebleu computes it (Post, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.metrics.sacre import sacrebleu_statistics


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """For 1 to 6 characters the n-grams of output, reference and both, of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import chrf

        chrf.statistics(["ab"], [["ac"]]).sums[0, :6].tolist()  # [2, 2, 1, 1, 1, 0]
        ```
    """
    from sacrebleu.metrics import CHRF

    return sacrebleu_statistics("chrf", CHRF(), hypotheses, references)


@register_metric("chrf", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Corpus chrF2, from 0 to 100: F-score of character n-grams up to 6, recall twice as important as precision.

    Args:
        hypotheses: outputs.
        references: one or more references for each output; the best one counts.

    Returns:
        ``chrf``, and ``chrf_signature``: sacrebleu's orders and version.

    Example:
        ```python
        from t2t_multimodel.metrics import chrf

        chrf.score(["a red ring"], [["a red ring"]])["chrf"]  # 100.0
        ```
    """
    return statistics(hypotheses, references).scores()
