"""Reading and cleaning of bracket files, the text form of the Penn Treebank: ``(S (NP (DT The) (NN cat)) ...)``."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator

from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.text.trees import UNKNOWN_TAG, Tree, walk

EMPTY_LABEL = "-NONE-"
TOP_LABELS = frozenset({"", "TOP", "ROOT", "S1"})

# ASCII blanks only: a no-break space belongs to its word.
_TOKEN = re.compile(r"[()]|[^ \t\r\n\f\v()]+")
_BLANKS = " \t\r\n"
_MAX_LINES = 2000  # of one tree; a bracket that is never closed would else take the whole file
_OUTER_BRACKET = re.compile(r"\([ \t]*(\(|$)")
_MARGIN = re.compile(r"^\(", re.MULTILINE)
_INNER_OUTER_BRACKET = re.compile(r"\n\([ \t]*\(")
_PLAIN_LABEL = re.compile(r"[^-=][^-=]*")


@dataclasses.dataclass(frozen=True, slots=True)
class RawTree:
    """The text of one tree of a file, before it is parsed.

    Attributes:
        text: the brackets, perhaps malformed.
        line: number of its first line, from 1.
    """

    text: str
    line: int


def split_trees(text: str) -> list[RawTree]:
    """Cuts a bracket file into the texts of its trees.

    A tree ends where its brackets balance. If they do not balance, or an unlabelled outer bracket stands in the first
    column inside of a tree, every bracket in the first column starts a new tree. So one malformed tree does not spoil
    the trees after it: it becomes a `RawTree` on which `parse_tree` raises.

    Example:
        >>> [raw.line for raw in split_trees("(NN cat)\\n(NN dog)")]
        [1, 2]
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
    """Cuts at balanced brackets; an extra closing bracket is added to the tree before it, which becomes malformed."""
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


def trees_of_lines(lines: Iterable[str]) -> Iterator[RawTree]:
    """Cuts a file that is read line by line: a tree a line, or trees over several lines.

    A tree over several lines ends where its brackets balance. Where trees stand on one line each, or their inner lines
    are indented, a bracket in the first column starts a new tree, and so does an unlabelled outer bracket. So a
    malformed tree does not spoil the trees after it.

    Args:
        lines: with or without their newlines.

    Yields:
        the trees, perhaps malformed; on a line of its own, a tree is all of its line.

    Example:
        >>> [raw.line for raw in trees_of_lines(["(NN cat)", "", "(NP", "  (NN dog))"])]
        [1, 3]
    """
    reader = _LineReader()
    for number, line in enumerate(lines, 1):
        yield from reader.add(number, line.rstrip("\r\n"))
    yield from reader.flush()


class _LineReader:
    """The state of `trees_of_lines`: the lines of the tree that is not complete yet."""

    def __init__(self):
        self._lines: list[str] = []
        self._first = self._depth = 0
        self._margin = False  # whether a bracket in the first column starts a new tree

    def add(self, number: int, line: str) -> Iterator[RawTree]:
        """Takes one line and yields the trees that are complete."""
        if not line.strip(_BLANKS):
            if self._lines:
                self._lines.append("")
            return
        if self._lines and (_OUTER_BRACKET.match(line) or (self._margin and line.startswith("("))):
            yield from self.flush(whole=True)
        if not self._lines:
            self._first, self._depth = number, 0
        elif not line.startswith("("):
            self._margin = True
        self._lines.append(line)
        self._depth += line.count("(") - line.count(")")
        if self._depth <= 0:
            self._margin = self._margin or len(self._lines) == 1
            yield from self.flush(whole=self._depth < 0)
        elif len(self._lines) >= _MAX_LINES:
            *complete, last = split_trees("\n".join(self._lines))
            yield from self._located(complete)
            self._lines, self._first = last.text.split("\n"), self._first + last.line - 1
            self._depth = last.text.count("(") - last.text.count(")")
            if not complete:
                yield from self.flush()

    def flush(self, whole: bool = False) -> Iterator[RawTree]:
        """Yields what the lines so far hold; `whole`: as one tree, though it is malformed."""
        text = "\n".join(self._lines).strip(_BLANKS)
        self._lines = []
        if "\n" in text and not whole:
            yield from self._located(split_trees(text))
        elif text:
            yield RawTree(text, self._first)

    def _located(self, pieces: Iterable[RawTree]) -> Iterator[RawTree]:
        return (RawTree(piece.text.strip(_BLANKS), self._first + piece.line - 1) for piece in pieces)


def parse_tree(text: str) -> Tree:
    """Parses one bracketed tree.

    Raises:
        BadExampleError: brackets do not balance, a bracket is empty, a word has no tag, or there is other text.

    Example:
        >>> parse_tree("(NP (DT the) (NN cat))").words()
        ['the', 'cat']
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

    Example:
        >>> list(parse_trees("(NN cat) (NN dog)"))
        [Tree('(NN cat)'), Tree('(NN dog)')]
    """
    for number, raw in enumerate(split_trees(text), 1):
        try:
            yield parse_tree(raw.text)
        except BadExampleError as error:
            raise BadExampleError(f"tree {number} (line {raw.line}): {error}") from None


def plain_label(label: str) -> str:
    """A label without functional tags and indices.

    As in evalb, a label is cut at its first hyphen or equals sign. Labels that begin with one (``-LRB-``) stay. A
    double label (``ADVP|PRT``) is one label.

    Example:
        >>> [plain_label(label) for label in ("NP-SBJ-1", "NP=2", "-LRB-", "ADVP|PRT")]
        ['NP', 'NP', '-LRB-', 'ADVP|PRT']
    """
    match = _PLAIN_LABEL.match(label)
    return match.group() if match else label


def clean(tree: Tree) -> Tree | None:
    """Removes what parsers do not predict.

    This removes empty elements (``-NONE-``) and constituents without other words, functional tags and indices,
    unlabelled brackets, and an outer TOP, ROOT or S1 above one tree. Several trees below one outer bracket become the
    children of ``TOP``.

    Returns:
        the tree, or None if no word is left.

    Example:
        >>> clean(parse_tree("( (S (NP-SBJ (-NONE- *)) (VP (VB Go))))"))
        Tree('(S (VP (VB Go)))')
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
