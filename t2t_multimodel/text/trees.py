"""Constituency trees, and how they are shown.

Nothing here or in `bracket_files` and `linearization` recurses, so only memory limits the depth of a tree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

UNKNOWN_TAG = "XX"
_UNSAFE = str.maketrans({"(": "-LRB-", ")": "-RRB-", " ": "_"})


@dataclasses.dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tree:
    """A constituent or a preterminal.

    Args:
        label: its name, e.g. ``"NP"``; empty for the unlabelled outer bracket of the Penn Treebank.
        children: constituents, or the one word of a preterminal.

    Example:
        >>> Tree("NP", (Tree("DT", ("the",)), Tree("NN", ("cat",))))
        Tree('(NP (DT the) (NN cat))')
    """

    label: str
    children: tuple[Tree | str, ...]

    @property
    def is_preterminal(self) -> bool:
        """Whether the node is a tag above one word."""
        return len(self.children) == 1 and isinstance(self.children[0], str)

    def words(self) -> list[str]:
        """The leaves from left to right."""
        return [node for node, _ in walk(self) if isinstance(node, str)]

    def _signature(self) -> tuple:
        return tuple(
            node if isinstance(node, str) else (node.label, entering, len(node.children))
            for node, entering in walk(self)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._signature() == other._signature()

    def __hash__(self) -> int:
        return hash(self._signature())

    def __repr__(self) -> str:
        return f"Tree({to_brackets(self)!r})"


def walk(tree: Tree) -> Iterator[tuple[Tree | str, bool]]:
    """Visits all nodes from left to right.

    Args:
        tree: the root.

    Yields:
        (node, entering): a word once, with True; a `Tree` twice, with True before its children and False after them.

    Example:
        >>> [(str(node), entering) for node, entering in walk(Tree("NN", ("cat",)))][1]
        ('cat', True)
    """
    stack: list[tuple[Tree | str, bool]] = [(tree, True)]
    while stack:
        node, entering = stack.pop()
        yield node, entering
        if entering and isinstance(node, Tree):
            stack.append((node, False))
            for child in reversed(node.children):
                stack.append((child, True))


def to_brackets(tree: Tree) -> str:
    """The tree on one line; brackets in words are written ``-LRB-`` and ``-RRB-``, blanks as ``_``.

    Example:
        >>> to_brackets(Tree("NP", (Tree("DT", ("the",)), Tree("NN", ("cat",)))))
        '(NP (DT the) (NN cat))'
    """
    parts: list[str] = []
    for node, entering in walk(tree):
        if isinstance(node, str):
            parts.append(" " + node.translate(_UNSAFE))
        elif not entering:
            parts.append(")")
        else:
            parts.append((" (" if parts else "(") + node.label.translate(_UNSAFE))
    return "".join(parts)


def draw(tree: Tree) -> str:
    """The tree on several lines, indented by two blanks for each level, tags beside their words.

    Example:
        >>> print(draw(Tree("NP", (Tree("DT", ("the",)), Tree("NN", ("cat",))))))
        NP
          DT the
          NN cat
    """
    lines: list[str] = []
    depth = 0
    for node, entering in walk(tree):
        if isinstance(node, str):
            continue
        if entering:
            tagged = f"{node.label} {node.children[0]}" if node.is_preterminal else node.label
            lines.append("  " * depth + tagged)
            depth += 1
        else:
            depth -= 1
    return "\n".join(lines)
