"""How captions are split into words."""

from __future__ import annotations

import re

# Splits words as the Penn Treebank does, in the cases that captions have: "don't" is "do n't", "dog's" is "dog 's".
_WORD = re.compile(r"\w+?(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|\w+(?:[-.,/]\w+|(?<=\d):\d+)*")


def words(text: str) -> list[str]:
    """The lower-cased words of a caption, without punctuation.

    Example:
        ```python
        from t2t_multimodel.metrics.caption_words import words

        words("A dog's ball, don't throw!")  # ["a", "dog", "'s", "ball", "do", "n't", "throw"]
        ```
    """
    return _WORD.findall(text.lower())
