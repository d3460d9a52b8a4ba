"""Labelled bracket scores of constituency trees (PARSEVAL), as EVALB computes them (Sekine and Collins, 1997)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.errors import BadExampleError, DataError
from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.metrics.corpus_statistics import Statistics
from t2t_multimodel.text import bracket_files, trees

# Tags of the words that EVALB's COLLINS.prm leaves out.
_LEFT_OUT_TAGS = frozenset({",", ":", "``", "''", "."})
_EQUAL_LABELS = {"PRT": "ADVP"}

Brackets = Counter[tuple[str, int, int]]


def statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Statistics:
    """Of each sentence: brackets matched, put out and wanted; 1 if complete; 1 if malformed; tags right; words; 1.

    Arguments and errors are those of `score`.

    Example:
        ```python
        from t2t_multimodel.metrics import bracket_f1

        tree = "(S (NP (DT the) (NN cat)) (VP (VBZ sits)))"
        flat = "(S (DT the) (NN cat) (VP (VBD sits)))"
        bracket_f1.statistics([flat], [[tree]]).sums.tolist()  # [[2, 2, 3, 0, 0, 2, 3, 1]]
        ```
    """
    wanted_trees = [_reference(text) for text, *_ in references]
    # Data without tags have one for all words: that all are right says nothing.
    tagged = any(tag != trees.UNKNOWN_TAG for tree in wanted_trees for tag in _tags(tree))

    def combine(sums: np.ndarray) -> dict[str, float | int]:
        matched, found, wanted, complete, malformed, right, words, sentences = map(round, sums.tolist())
        scores = {
            "bracket_f1": _share(2 * matched, found + wanted),
            "bracket_precision": _share(matched, found),
            "bracket_recall": _share(matched, wanted),
            "bracket_complete_match": _share(complete, sentences),
            "bracket_malformed": malformed,
        }
        return scores | ({"bracket_tagging": _share(right, words)} if tagged else {})

    counts = [_counts(text, wanted) for text, wanted in zip(hypotheses, wanted_trees)]
    return Statistics(np.array(counts, np.float64), combine)


@register_metric("bracket_f1", statistics=statistics)
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Precision, recall and F1 of labelled constituents over the whole corpus.

    As EVALB with COLLINS.prm: functional tags, traces, the root TOP, and punctuation (tagged ``, : `` '' .``) are left
    out, and so are constituents that hold nothing else. PRT counts as ADVP. Tags count in the tagging accuracy alone.

    Two things differ from EVALB. The reference's tags decide which words are punctuation, so that a wrongly tagged
    comma does not make a whole sentence wrong. And a malformed output, or one with other words, counts as a tree
    without constituents and with wrong tags; EVALB leaves such a sentence out of the scores. Where all tags are XX, no
    word is known to be punctuation, and all words count.

    Args:
        hypotheses: trees in brackets with their words, ``(S (NP (DT the) (NN cat)) (VP (VBZ sits)))``.
        references: one tree for each output; further ones are ignored.

    Returns:
        ``bracket_f1``, ``bracket_precision``, ``bracket_recall``, ``bracket_complete_match`` (the share of sentences
        whose constituents are exactly those of the reference), each from 0 to 1, ``bracket_malformed``, the number
        of malformed outputs, and, unless all tags of the references are XX, ``bracket_tagging``, the share of words,
        punctuation left out, with the right tag.

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
    return statistics(hypotheses, references).scores()


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


def _reference(text: str) -> trees.Tree:
    tree = _tree(text)
    if tree is None:
        raise DataError(f"reference {text[:60]!r} is not a tree; generate the data again")
    return tree


def _counts(hypothesis: str, wanted_tree: trees.Tree) -> list[int]:
    """What `statistics` sums, and 1 for the sentence."""
    wanted_tags, found_tree = _tags(wanted_tree), _tree(hypothesis)
    kept = [tag not in _LEFT_OUT_TAGS for tag in wanted_tags]
    wanted, words = brackets(wanted_tree, kept), sum(kept)
    if found_tree is None or found_tree.words() != wanted_tree.words():
        return [0, 0, wanted.total(), 0, 1, 0, words, 1]
    found = brackets(found_tree, kept)
    right = sum(counts and tag == other for counts, tag, other in zip(kept, wanted_tags, _tags(found_tree)))
    return [(found & wanted).total(), found.total(), wanted.total(), int(found == wanted), 0, right, words, 1]


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
