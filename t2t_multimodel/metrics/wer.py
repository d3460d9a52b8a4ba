"""Word error rate."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.metrics.edits import edit_statistics


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Substitutions, deletions, insertions and hits of each output; arguments as those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import wer

        wer.statistics(["the cat sat down"], [["the cat sits"]]).sums.tolist()  # [[1, 0, 1, 2]]
        ```
    """
    import jiwer

    return edit_statistics("wer", "words", jiwer.process_words([first for first, *_ in references], list(hypotheses)))


@register_metric("wer", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Word error rate of a corpus: wrong, missing and extra words over the words of the references.

    Words are separated by blanks and compared as they are, case included. All words of an output are extra ones if its
    reference is empty. If all references are empty, the result is the number of errors.

    Args:
        hypotheses: outputs.
        references: one reference for each output; further ones are ignored.

    Returns:
        ``wer``, a share: 0.12 is 12%. It is above 1 if there are more errors than words in the references. With it
        ``wer_substitutions``, ``wer_deletions``, ``wer_insertions``, ``wer_reference_words``, and ``wer_signature``,
        which states the normaliser.

    Example:
        ```python
        from t2t_multimodel.metrics import wer

        wer.score(["the cat sat down"], [["the cat sits down"]])["wer"]  # 0.25
        ```
    """
    return statistics(hypotheses, references).scores()
