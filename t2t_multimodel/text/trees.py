"""Constituency trees: bracket files, cleaning, linearization and its inverse.

Nothing here recurses, so the depth of a tree is bounded by memory alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import BadExampleError

EMPTY_LABEL = "-NONE-"
UNKNOWN_TAG = "XX"
TOP_LABELS = frozenset({"", "TOP", "ROOT", "S1"})
_CONSTITUENTS = """ADJP ADVP ADVP|PRT CONJP FRAG INTJ LST NAC NP NX PP PRN PRT PRT|ADVP QP RRC S SBAR SBARQ SINV SQ
UCP VP WHADJP WHADVP WHNP WHPP X"""
CONSTITUENT_LABELS = frozenset(_CONSTITUENTS.split())

# ASCII blanks only: a no-break space belongs to its word.
_TOKEN = re.compile(r"[()]|[^ \t\r\n\f\v()]+")
_MARGIN = re.compile(r"^\(", re.MULTILINE)
_INNER_OUTER_BRACKET = re.compile(r"\n\([ \t]*\(")
_PLAIN_LABEL = re.compile(r"[^-=][^-=]*")
_UNSAFE = str.maketrans({"(": "-LRB-", ")": "-RRB-", " ": "_"})


@dataclasses.dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tree:
    """A constituent or a preterminal.

    Args:
        label: its name, e.g. ``"NP"``; empty for the unlabelled outer bracket of the Penn Treebank.
        children: constituents, or the one word of a preterminal.
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
    """Nodes from left to right; a Tree comes twice: entered (True), then left (False)."""
    stack: list[tuple[Tree | str, bool]] = [(tree, True)]
    while stack:
        node, entering = stack.pop()
        yield node, entering
        if entering and isinstance(node, Tree):
            stack.append((node, False))
            for child in reversed(node.children):
                stack.append((child, True))


# Reading


@dataclasses.dataclass(frozen=True, slots=True)
class RawTree:
    """The text of one tree, perhaps malformed, and the 1-based line it starts on."""

    text: str
    line: int


def split_trees(text: str) -> list[RawTree]:
    """Cuts a bracket file into the texts of its trees.

    Trees are cut where the brackets balance. Where they do not, or an unlabelled outer bracket stands in the first
    column inside of a tree, every bracket in the first column starts anew, so that one malformed tree does not spoil
    those after it; what is wrong is kept as a RawTree of its own, on which `parse_tree` raises.
    """
    pieces, balanced = _split_balanced(text, 1)
    if balanced and not any(_INNER_OUTER_BRACKET.search(piece.text) for piece in pieces):
        return pieces
    starts = [match.start() for match in _MARGIN.finditer(text)]
    bounds = sorted({0, *starts, len(text)})
    pieces, line = [], 1
    for start, end in itertools.pairwise(bounds):
        chunk = text[start:end]
        pieces.extend(_split_balanced(chunk, line)[0])
        line += chunk.count("\n")
    return pieces


def _split_balanced(text: str, line: int) -> tuple[list[RawTree], bool]:
    """Cuts at balanced brackets; a stray closing bracket is added to the tree before it, which makes that one bad."""
    spans: list[tuple[int, int]] = []
    depth, start, balanced = 0, 0, True
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "(":
            if depth == 0:
                start = match.start()
            depth += 1
        elif depth == 0:
            balanced = False
            start = spans.pop()[0] if spans and token == ")" else match.start()
            spans.append((start, match.end()))
        elif token == ")":
            depth -= 1
            if depth == 0:
                spans.append((start, match.end()))
    if depth:
        balanced = False
        spans.append((start, len(text)))
    pieces, position = [], 0
    for start, end in spans:
        line += text.count("\n", position, start)
        position = start
        pieces.append(RawTree(text[start:end], line))
    return pieces, balanced


def parse_tree(text: str) -> Tree:
    """Parses one bracketed tree.

    Raises:
        BadExampleError: brackets do not balance, a bracket is empty, a word has no tag, or there is other text.
    """
    open_nodes: list[tuple[list[str], list[Tree | str]]] = []
    root, previous = None, ""
    for token in _TOKEN.findall(text):
        if root is not None:
            raise BadExampleError(f"unbalanced tree: {token[:20]!r} after its last closing bracket")
        if token == "(":
            open_nodes.append(([], []))
        elif not open_nodes:
            raise BadExampleError(f"unbalanced tree: {token[:20]!r} outside of brackets")
        elif token == ")":
            node = _node(*open_nodes.pop())
            if open_nodes:
                open_nodes[-1][1].append(node)
            else:
                root = node
        else:
            open_nodes[-1][previous != "("].append(token)
        previous = token
    if root is None:
        raise BadExampleError(f"unbalanced tree: {len(open_nodes)} brackets are not closed")
    return root


def _node(label: list[str], children: list[Tree | str]) -> Tree:
    name = label[0] if label else ""
    if not children:
        raise BadExampleError(f"malformed tree: bracket ({name[:20]}) holds nothing")
    if len(children) > 1 and any(isinstance(child, str) for child in children):
        raise BadExampleError(f"malformed tree: bracket ({name[:20]} ...) holds a word without a tag")
    return Tree(name, tuple(children))


def parse_trees(text: str) -> Iterator[Tree]:
    """Parses all trees of a bracket file's text.

    Raises:
        BadExampleError: at the first malformed tree, with its number and line.
    """
    for number, raw in enumerate(split_trees(text), 1):
        try:
            yield parse_tree(raw.text)
        except BadExampleError as error:
            raise BadExampleError(f"tree {number} (line {raw.line}): {error}") from None


# Cleaning


def plain_label(label: str) -> str:
    """A label without functional tags and indices: ``NP-SBJ-1`` and ``NP=2`` become ``NP``.

    As evalb does, labels are cut at the first hyphen or equals sign; those that begin with one (``-LRB-``) stay, and
    a double label (``ADVP|PRT``) is one label.
    """
    match = _PLAIN_LABEL.match(label)
    return match.group() if match else label


def clean(tree: Tree) -> Tree | None:
    """Removes what parsers do not predict.

    Empty elements (``-NONE-``) and the constituents they leave empty, functional tags and indices, unlabelled
    brackets, and an outer TOP, ROOT or S1 above one tree are removed. Several trees below one outer bracket stay
    together below ``TOP``.

    Returns:
        the tree, or None where no word is left.
    """
    levels: list[list[Tree | str]] = [[]]
    for node, entering in walk(tree):
        if isinstance(node, str):
            levels[-1].append(node)
        elif entering:
            levels.append([])
        else:
            children = levels.pop()
            if not children or node.label == EMPTY_LABEL:
                continue
            if node.label or isinstance(children[0], str):
                children = [Tree(plain_label(node.label) or UNKNOWN_TAG, tuple(children))]
            levels[-1].extend(children)
    roots = levels[0]
    while len(roots) == 1 and roots[0].label in TOP_LABELS and not roots[0].is_preterminal:
        roots = list(roots[0].children)
    if not roots:
        return None
    return roots[0] if len(roots) == 1 else Tree("TOP", tuple(roots))


# Linearization


def linearize(tree: Tree, preterminals: str = "pos", words: bool = False) -> list[str]:
    """The tree as a sequence: ``S NP DT NN /NP VP VBD /VP /S``, Tensor2Tensor's form.

    Args:
        tree: a cleaned tree.
        preterminals: ``"pos"`` for the tags as they are, ``"xx"`` for the one tag XX (Vinyals et al., 2015).
        words: whether each word follows its preterminal.

    Returns:
        labels (`Label`) and, with `words`, words (plain `str`).

    Raises:
        BadExampleError: a label begins with a slash, which would read as an end.
        ValueError: `preterminals` is neither of the two.
    """
    if preterminals not in ("pos", "xx"):
        raise ValueError(f"preterminals={preterminals!r}; give 'pos' or 'xx'")
    symbols: list[str] = []
    for node, entering in walk(tree):
        if isinstance(node, str):
            if words:
                symbols.append(str(node))
        elif node.is_preterminal:
            if entering:
                symbols.append(Label(_sound(node.label) if preterminals == "pos" else UNKNOWN_TAG))
        else:
            symbols.append(Label(_sound(node.label) if entering else f"/{node.label}"))
    return symbols


def _sound(label: str) -> str:
    if _is_end(label):
        raise BadExampleError(f"label {label[:20]!r} begins with a slash, which marks ends")
    return label


def _is_end(label: str) -> bool:
    return len(label) > 1 and label.startswith("/")


def delinearize(tokens: Sequence[str], words: Sequence[str]) -> tuple[Tree, int]:
    """The tree of a linearization; the inverse of `linearize`, repaired where malformed.

    A label is a constituent where a matching end follows, else a preterminal. Constituents without end are closed,
    ends without beginning and empty constituents removed, labels beyond the words removed, words beyond the labels
    tagged XX below the root, and several roots joined below TOP. Unended labels are taken for constituents where
    they are names of Penn Treebank constituents and that needs fewer repairs.

    `delinearize(linearize(tree), tree.words())` is `tree` without repairs, provided that no label names both a
    constituent and a preterminal of it (none does in the Penn Treebank; with words in the sequence none need be).

    Args:
        tokens: labels; where some are `Label`, the others are words (or pieces of words) and say only that the
            label before them is a preterminal.
        words: the leaves of the tree.

    Returns:
        the tree, whose leaves are `words`, and the number of repairs.
    """
    symbols, stray = _symbols(tokens)
    ends = _matching_ends(symbols)
    tree, repairs = _build(symbols, words, set(ends))
    if repairs:
        unended = {
            index
            for index, (label, tags_word) in enumerate(symbols)
            if label in CONSTITUENT_LABELS and not tags_word and index not in ends
        }
        other, other_repairs = _build(symbols, words, set(ends) | unended)
        if other_repairs <= repairs:
            tree, repairs = other, other_repairs
    return tree, repairs + stray


def _symbols(tokens: Sequence[str]) -> tuple[list[tuple[str, bool]], int]:
    """Labels, each with whether a word follows it, and the number of words that follow no label."""
    has_labels = any(isinstance(token, Label) for token in tokens)
    symbols: list[tuple[str, bool]] = []
    stray, in_word = 0, False
    for token in tokens:
        if isinstance(token, Label) or not has_labels:
            symbols.append((str(token), False))
            in_word = False
        elif not in_word:
            in_word = True
            if symbols and not _is_end(symbols[-1][0]):
                symbols[-1] = (symbols[-1][0], True)
            else:
                stray += 1
    return symbols, stray


def _matching_ends(symbols: Sequence[tuple[str, bool]]) -> dict[int, int]:
    """Index of each constituent's beginning to that of its end: the nearest that would not be empty."""
    ends: dict[int, int] = {}
    pending: list[int] = []  # labels without end so far; -1 is a whole constituent
    unended: Counter[str] = Counter()

    def name(place: int) -> str | None:
        index = pending[place]
        return None if index < 0 or symbols[index][1] else symbols[index][0]

    for index, (label, tags_word) in enumerate(symbols):
        if not _is_end(label) or tags_word:
            pending.append(index)
            unended[label] += not tags_word
            continue
        wanted = label[1:]
        empty = bool(pending) and name(-1) == wanted
        if unended[wanted] <= empty:
            continue
        place = len(pending) - 1 - empty
        while name(place) != wanted:
            place -= 1
        for inner in range(place, len(pending)):
            unended[name(inner)] -= 1
        ends[pending[place]] = index
        pending[place:] = [-1]
    return ends


def _build(symbols: Sequence[tuple[str, bool]], words: Sequence[str], begins: set[int]) -> tuple[Tree, int]:
    levels: list[tuple[str, list[Tree]]] = [("", [])]
    repairs = used = 0

    def close() -> int:
        label, children = levels.pop()
        if children:
            levels[-1][1].append(Tree(label, tuple(children)))
        return int(not children)

    open_count: dict[str, int] = {}
    for index, (label, tags_word) in enumerate(symbols):
        if index in begins:
            levels.append((label, []))
            open_count[label] = open_count.get(label, 0) + 1
        elif _is_end(label) and not tags_word:
            if not open_count.get(label[1:]):
                repairs += 1
                continue
            while True:
                closed = levels[-1][0]
                open_count[closed] -= 1
                repairs += close()
                if closed == label[1:]:
                    break
                repairs += 1
        elif used < len(words):
            levels[-1][1].append(Tree(label, (words[used],)))
            used += 1
        else:
            repairs += 1
    while len(levels) > 1:
        repairs += 1 + close()
    tree, more = _root(levels[0][1], words[used:])
    return tree, repairs + more


def _root(roots: list[Tree], missing: Sequence[str]) -> tuple[Tree, int]:
    """One tree of `roots` and the words no label was left for, and the repairs that took."""
    extra = tuple(Tree(UNKNOWN_TAG, (word,)) for word in missing)
    if len(roots) == 1 and not (extra and roots[0].is_preterminal):
        return (Tree(roots[0].label, roots[0].children + extra) if extra else roots[0]), len(extra)
    return Tree("TOP", (*roots, *extra)), len(extra) + max(1, len(roots) - 1)


# Showing


def to_brackets(tree: Tree) -> str:
    """The tree on one line, ``(S (NP (DT The) (NN cat)) ...)``; brackets in words are written ``-LRB-``, ``-RRB-``."""
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
    """The tree on several lines, indented by two blanks a level, tags beside their words."""
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


def split_words(text: str) -> list[str]:
    """The words of a blank-separated line; only ASCII blanks separate."""
    return [word for word in re.split(r"[ \t\r\n\f\v]+", text) if word]
