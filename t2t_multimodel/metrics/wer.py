"""Word error rate."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.metrics import Scores, register_metric


@register_metric("wer")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Substituted, deleted and inserted words of the whole corpus over the words of its references.

    Words are separated by blanks and compared as they are. Words put out for an empty reference are insertions;
    where all references are empty, the number of errors is given.

    Args:
        hypotheses: outputs.
        references: of each output its reference; further ones are not looked at.

    Returns:
        ``wer``, a share: 0.12 is 12%; above 1 where more is wrong than there is to say.
    """
    import jiwer

    return {"wer": float(jiwer.process_words([first for first, *_ in references], list(hypotheses)).wer)}
