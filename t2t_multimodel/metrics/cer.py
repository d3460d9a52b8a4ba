"""Character error rate."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.metrics.edits import edit_statistics


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Substitutions, deletions, insertions and hits of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import cer

        cer.statistics(["a ring"], [["a  king"]]).sums.tolist()  # [[1, 0, 0, 5]]
        ```
    """
    import jiwer

    wanted = [" ".join(first.split()) for first, *_ in references]
    found = [" ".join(text.split()) for text in hypotheses]
    return edit_statistics("cer", "characters", jiwer.process_characters(wanted, found))


@register_metric("cer", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Character error rate of a corpus: wrong, missing and extra characters over the characters of the references.

    A run of blanks counts as one character; blanks at the ends do not count. If all references are empty, the result
    is the number of errors.

    Args:
        hypotheses: outputs.
        references: one reference for each output; further ones are ignored.

    Returns:
        ``cer``, a share: 0.12 is 12%. With it ``cer_substitutions``, ``cer_deletions``, ``cer_insertions``,
        ``cer_reference_characters``, and ``cer_signature``, which states the normaliser.

    Example:
        ```python
        from t2t_multimodel.metrics import cer

        cer.score(["a red ring"], [["a red king"]])["cer"]  # 0.1
        ```
    """
    return statistics(hypotheses, references).scores()
