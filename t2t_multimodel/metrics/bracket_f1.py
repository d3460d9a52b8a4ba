"""Labelled bracket scores of constituency trees (PARSEVAL), as EVALB computes them (Sekine and Collins, 1997)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from t2t_multimodel.errors import BadExampleError, DataError
from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.text import bracket_files, trees

# Tags of the words that EVALB's COLLINS.prm leaves out.
_LEFT_OUT_TAGS = frozenset({",", ":", "``", "''", "."})
_EQUAL_LABELS = {"PRT": "ADVP"}

Brackets = Counter[tuple[str, int, int]]


@register_metric("bracket_f1")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Precision, recall and F1 of labelled constituents over the whole corpus.

    As EVALB with COLLINS.prm: functional tags, traces, the root TOP, and punctuation (tagged ``, : `` '' .``) are left
    out, and so are constituents that hold nothing else. PRT counts as ADVP. Tags are not scored.

    Two things differ from EVALB. The reference's tags decide which words are punctuation, so that a wrongly tagged
    comma does not make a whole sentence wrong. And a malformed output, or one with other words, counts as a tree
    without constituents; EVALB leaves such a sentence out of the scores. Where all tags are XX, no word is known to
    be punctuation, and all words count.

    Args:
        hypotheses: trees in brackets with their words, ``(S (NP (DT the) (NN cat)) (VP (VBZ sits)))``.
        references: one tree for each output; further ones are ignored.

    Returns:
        ``bracket_f1``, ``bracket_precision``, ``bracket_recall``, ``bracket_complete_match`` (the share of sentences
        whose constituents are exactly those of the reference), each from 0 to 1, and ``bracket_malformed``, the number
        of malformed outputs.

    Raises:
        DataError: a reference is not a tree.

    Example:
        ```python
        from t2t_multimodel.metrics import bracket_f1

        tree = "(S (NP (DT the) (NN cat)) (VP (VBZ sits)))"
        bracket_f1.score([tree], [[tree]])["bracket_f1"]  # 1.0
        flat = "(S (DT the) (NN cat) (VP (VBZ sits)))"  # 2 constituents, 2 of the 3 of the tree
        bracket_f1.score([flat], [[tree]])["bracket_f1"]  # 0.8
        ```
    """
    matched = found_total = wanted_total = complete = malformed = 0
    for hypothesis, (reference, *_) in zip(hypotheses, references):
        wanted_tree = _tree(reference)
        if wanted_tree is None:
            raise DataError(f"reference {reference[:60]!r} is not a tree; generate the data again")
        kept = [tag not in _LEFT_OUT_TAGS for tag in _tags(wanted_tree)]
        found_tree = _tree(hypothesis)
        wanted, found = brackets(wanted_tree, kept), Counter()
        if found_tree is None or found_tree.words() != wanted_tree.words():
            malformed += 1
        else:
            found = brackets(found_tree, kept)
            complete += found == wanted
        matched += (found & wanted).total()
        found_total += found.total()
        wanted_total += wanted.total()
    return {
        "bracket_f1": _share(2 * matched, found_total + wanted_total),
        "bracket_precision": _share(matched, found_total),
        "bracket_recall": _share(matched, wanted_total),
        "bracket_complete_match": _share(complete, len(hypotheses)),
        "bracket_malformed": malformed,
    }


def brackets(tree: trees.Tree, kept: Sequence[bool]) -> Brackets:
    """Counts the constituents of a tree, each as (label, first word, word after the last).

    Args:
        tree: a cleaned tree.
        kept: for each word, whether it counts.

    Example:
        ```python
        from t2t_multimodel.metrics import bracket_f1
        from t2t_multimodel.text.trees import Tree

        phrase = Tree("NP", (Tree("DT", ("the",)), Tree("NN", ("cat",))))
        tree = Tree("S", (phrase, Tree("VP", (Tree("VBZ", ("sits",)),))))
        sorted(bracket_f1.brackets(tree, [True] * 3))  # [("NP", 0, 2), ("S", 0, 3), ("VP", 2, 3)]
        ```
    """
    found: Brackets = Counter()
    starts: list[int] = []
    word = position = 0
    for node, entering in trees.walk(tree):
        if isinstance(node, str):
            position += kept[word]
            word += 1
        elif node.is_preterminal:
            continue
        elif entering:
            starts.append(position)
        else:
            start = starts.pop()
            if start < position and node.label not in bracket_files.TOP_LABELS:
                found[_EQUAL_LABELS.get(node.label, node.label), start, position] += 1
    return found


def _tree(text: str) -> trees.Tree | None:
    """The cleaned tree, or None if the brackets are malformed or hold no word."""
    try:
        return bracket_files.clean(bracket_files.parse_tree(text))
    except BadExampleError:
        return None


def _tags(tree: trees.Tree) -> list[str]:
    return [
        node.label
        for node, entering in trees.walk(tree)
        if entering and isinstance(node, trees.Tree) and node.is_preterminal
    ]


def _share(part: int, whole: int) -> float:
    """`part / whole`; 1 if there was nothing to find."""
    return part / whole if whole else 1.0
