"""Shared by parsing problems: turns a decoded linearization into a tree over the words of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.tree_constraint import TreeConstraint
from t2t_multimodel.text import bracket_files, linearization, trees


class TreeOutputMixin:
    """For problems from words to linearized trees; comes before `Problem` in the list of bases."""

    output_form = "tree"

    def decode_tree(self, tokens: Sequence[str], inputs: str) -> tuple[trees.Tree, int]:
        """The tree of a decoded target, over the words of its input.

        Args:
            tokens: decoded labels, and words if the model was trained to give them.
            inputs: the raw input.

        Returns:
            the tree, and the number of repairs it needed.
        """
        return linearization.delinearize(tokens, linearization.split_words(inputs))

    def prepare_target(self, value: Any) -> Any:
        """The labels of a tree in brackets, tags as they are and without words; labels themselves stay.

        Raises:
            DecodeError: it is no tree.
        """
        if not isinstance(value, str):
            return value
        try:
            return linearization.linearize(bracket_files.parse_tree(value))
        except BadExampleError as error:
            raise DecodeError(f"the target is no tree ({error}); give one such as (S (NP (NN rain)))") from None

    def output_constraint(self, vocabulary: AnyVocabulary) -> TreeConstraint | None:
        """Well-formed trees with as many leaves as the input has words."""
        return TreeConstraint.of(vocabulary)

    def present_output(self, tokens: list[str], text: str, inputs: Any) -> str:
        """The tree with its words, in brackets on one line; a malformed one is repaired."""
        del text
        return trees.to_brackets(self.decode_tree(tokens, inputs)[0])

    def count_repairs(self, tokens: list[str], inputs: Any) -> int:
        """Number of repairs that the decoded linearization needed to become a tree over the input's words."""
        return self.decode_tree(tokens, inputs)[1]
