"""Character error rate."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric


@register_metric("cer")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Character error rate of a corpus: wrong, missing and extra characters over the characters of the references.

    A run of blanks counts as one character; blanks at the ends do not count. If all references are empty, the result
    is the number of errors.

    Args:
        hypotheses: outputs.
        references: one reference for each output; further ones are ignored.

    Returns:
        ``cer``, a share: 0.12 is 12%.

    Example:
        ```python
        from t2t_multimodel.metrics import cer

        cer.score(["a red ring"], [["a red king"]])  # {"cer": 0.1}
        ```
    """
    import jiwer

    wanted = [" ".join(first.split()) for first, *_ in references]
    found = [" ".join(text.split()) for text in hypotheses]
    return {"cer": float(jiwer.process_characters(wanted, found).cer)}
