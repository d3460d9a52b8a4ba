"""METEOR (Denkowski and Lavie, 2014) of English captions, by the authors' program, which runs on Java."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.caption_words import words


@register_metric("meteor")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """METEOR 1.5 with the settings of the COCO caption evaluation, from 0 to 1, over the whole corpus.

    No problem asks for it by itself, since it needs Java, 2 GB of memory and pycocoevalcap;
    `t2t-eval --metrics=meteor` does.

    Args:
        hypotheses: one caption for each image.
        references: one or more captions for each image.

    Returns:
        ``meteor``.

    Raises:
        MultiModelError: Java or pycocoevalcap are not found.

    Example:
        ```python
        from t2t_multimodel.metrics import meteor

        scorer = meteor.score  # scorer(["a red ring"], [["a red ring"]]) gives {"meteor": 1.0}
        ```
    """
    if shutil.which("java") is None:
        raise MultiModelError("METEOR runs on Java, which is not found; install it or leave meteor out of --metrics")
    try:
        from pycocoevalcap.meteor.meteor import Meteor
    except ImportError:
        raise MultiModelError(
            "METEOR comes with pycocoevalcap, which is not installed; pip install 't2t-multimodel[oracles]'"
        ) from None
    found = {i: [" ".join(words(text))] for i, text in enumerate(hypotheses)}
    wanted = {i: [" ".join(words(text)) for text in texts] for i, texts in enumerate(references)}
    total, _ = Meteor().compute_score(wanted, found)
    return {"meteor": float(total)}
