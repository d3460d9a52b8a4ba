"""Translation edit rate (Snover et al., 2006) as sacrebleu computes it (Post, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.metrics.sacre import sacrebleu_statistics


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Edits and words of the references of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import ter

        ter.statistics(["a ring red"], [["a red ring"]]).sums.tolist()  # [[1, 3]]
        ```
    """
    from sacrebleu.metrics import TER

    return sacrebleu_statistics("ter", TER(), hypotheses, references)


@register_metric("ter", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Corpus TER, in percent of the references' words; lower is better, and it may be above 100.

    Edits are insertions, deletions, substitutions and shifts of words; upper and lower case are the same.

    Args:
        hypotheses: outputs.
        references: one or more references for each output; edits are those to the nearest one, words are their mean.

    Returns:
        ``ter``, and ``ter_signature``: sacrebleu's tokenization and version.

    Example:
        ```python
        from t2t_multimodel.metrics import ter

        ter.score(["a ring red here"], [["a red ring here"]])["ter"]  # 25.0
        ```
    """
    return statistics(hypotheses, references).scores()
