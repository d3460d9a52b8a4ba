"""Trees as sequences of labels, Tensor2Tensor's form, and back.

Sources: Vinyals et al., "Grammar as a Foreign Language" (2015), and Tensor2Tensor's ``wsj_parsing``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.text.trees import UNKNOWN_TAG, Tree, walk

_CONSTITUENTS = """ADJP ADVP ADVP|PRT CONJP FRAG INTJ LST NAC NP NX PP PRN PRT PRT|ADVP QP RRC S SBAR SBARQ SINV SQ
UCP VP WHADJP WHADVP WHNP WHPP X"""
CONSTITUENT_LABELS = frozenset(_CONSTITUENTS.split())


def split_words(text: str) -> list[str]:
    """The words of a blank-separated line; only ASCII blanks separate."""
    return [word for word in re.split(r"[ \t\r\n\f\v]+", text) if word]


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
