"""Character error rate."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric


@register_metric("cer")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Substituted, deleted and inserted characters of the whole corpus over the characters of its references.

    A run of blanks counts as one character, blanks at the ends as none. Where all references are empty, the number
    of errors is given.

    Args:
        hypotheses: outputs.
        references: of each output its reference; further ones are not looked at.

    Returns:
        ``cer``, a share: 0.12 is 12%.
    """
    import jiwer

    wanted = [" ".join(first.split()) for first, *_ in references]
    found = [" ".join(text.split()) for text in hypotheses]
    return {"cer": float(jiwer.process_characters(wanted, found).cer)}
