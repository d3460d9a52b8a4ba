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
    """The words of a line, separated by ASCII blanks.

    Example:
        >>> split_words("The cat  sat")
        ['The', 'cat', 'sat']
    """
    return [word for word in re.split(r"[ \t\r\n\f\v]+", text) if word]


def linearize(tree: Tree, preterminals: str = "pos", words: bool = False) -> list[str]:
    """The tree as a sequence of labels; a constituent ends with a slash and its label.

    Args:
        tree: a cleaned tree.
        preterminals: ``"pos"`` for the tags as they are, ``"xx"`` for the one tag XX (Vinyals et al., 2015).
        words: whether each word follows its preterminal.

    Returns:
        labels (`Label`) and, with `words`, words (plain `str`).

    Raises:
        BadExampleError: a label begins with a slash, which marks ends.
        ValueError: `preterminals` is neither of the two.

    Example:
        >>> cat = Tree("NP", (Tree("DT", ("the",)), Tree("NN", ("cat",))))
        >>> " ".join(linearize(cat))
        'NP DT NN /NP'
        >>> " ".join(linearize(cat, "xx", words=True))
        'NP XX the XX cat /NP'
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
                symbols.append(Label(_checked(node.label) if preterminals == "pos" else UNKNOWN_TAG))
        else:
            symbols.append(Label(_checked(node.label) if entering else f"/{node.label}"))
    return symbols


def _checked(label: str) -> str:
    if _is_end(label):
        raise BadExampleError(f"label {label[:20]!r} begins with a slash, which marks ends")
    return label


def _is_end(label: str) -> bool:
    return len(label) > 1 and label.startswith("/")


def delinearize(tokens: Sequence[str], words: Sequence[str]) -> tuple[Tree, int]:
    """The tree of a linearization: the inverse of `linearize`. Malformed sequences are repaired.

    A label is a constituent if a matching end follows, otherwise a preterminal. The repairs are:

    - a constituent without an end is closed;
    - an end without a beginning, and an empty constituent, are removed;
    - a preterminal without a word left is removed; words without a preterminal are tagged XX below the root;
    - several roots become the children of TOP.

    Labels without an end that are names of Penn Treebank constituents are also tried as constituents; the tree with
    fewer repairs is taken.

    `delinearize(linearize(tree), tree.words())` gives `tree` without repairs, if no label of the tree names both a
    constituent and a preterminal. In the Penn Treebank none does. With words in the sequence, this may be so, too.

    Args:
        tokens: labels. If some are `Label`, the others are words or pieces of words; they only mark that the label
            before them is a preterminal.
        words: the leaves of the tree.

    Returns:
        the tree with the leaves `words`, and the number of repairs.

    Example:
        >>> delinearize("NP DT NN /NP".split(), ["the", "cat"])
        (Tree('(NP (DT the) (NN cat))'), 0)
        >>> delinearize("NP DT NN".split(), ["the", "cat"])
        (Tree('(NP (DT the) (NN cat))'), 1)
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
    """(label, whether a word follows it) for each label, and the number of words that follow no label."""
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
    """Maps the index of each constituent's beginning to that of its end, the nearest that leaves it not empty."""
    ends: dict[int, int] = {}
    pending: list[int] = []  # labels without an end until now; -1 stands for a complete constituent
    unended: Counter[str] = Counter()

    def name(position: int) -> str | None:
        index = pending[position]
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
        start = len(pending) - 1 - empty
        while name(start) != wanted:
            start -= 1
        for inner in range(start, len(pending)):
            unended[name(inner)] -= 1
        ends[pending[start]] = index
        pending[start:] = [-1]
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
    """Joins `roots`, and words without a label, to one tree; returns it and the number of repairs."""
    extra = tuple(Tree(UNKNOWN_TAG, (word,)) for word in missing)
    if len(roots) == 1 and not (extra and roots[0].is_preterminal):
        return (Tree(roots[0].label, roots[0].children + extra) if extra else roots[0]), len(extra)
    return Tree("TOP", (*roots, *extra)), len(extra) + max(1, len(roots) - 1)
