"""What parsing problems share: turning a decoded linearization into a tree over the input's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2t_multimodel.text import linearization, trees


class TreeOutputMixin:
    """For problems whose inputs are words and whose targets are linearized trees; stands before `Problem`."""

    def decode_tree(self, tokens: Sequence[str], inputs: str) -> tuple[trees.Tree, int]:
        """The tree a decoded target stands for, over the words of its input.

        Args:
            tokens: decoded labels and, if the model was trained so, words.
            inputs: the raw input.

        Returns:
            the tree and how many repairs it took.
        """
        return linearization.delinearize(tokens, linearization.split_words(inputs))

    def present_output(self, tokens: list[str], text: str, inputs: Any) -> str:
        """The tree with its words, in brackets on one line, repaired where malformed."""
        del text
        return trees.to_brackets(self.decode_tree(tokens, inputs)[0])

    def count_repairs(self, tokens: list[str], inputs: Any) -> int:
        """How many repairs the decoded linearization needed to become a tree over the input's words."""
        return self.decode_tree(tokens, inputs)[1]
