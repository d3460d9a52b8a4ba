"""Labelled bracket scores of constituency trees (PARSEVAL), as EVALB computes them (Sekine and Collins, 1997)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from t2t_multimodel.errors import BadExampleError, DataError
from t2t_multimodel.metrics import Scores, register_metric
from t2t_multimodel.text import bracket_files, trees

# The labels EVALB's COLLINS.prm leaves out: of words, their tags; of constituents, the root's.
_LEFT_OUT_TAGS = frozenset({",", ":", "``", "''", "."})
_EQUAL_LABELS = {"PRT": "ADVP"}

Brackets = Counter[tuple[str, int, int]]


@register_metric("bracket_f1")
def score(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Precision, recall and F1 of labelled constituents over the whole corpus.

    As EVALB with COLLINS.prm: functional tags, traces and the root TOP are left out; punctuation (tagged ``, : `` ''
    .``) is left out, and constituents that held nothing else; PRT counts as ADVP; tags are not scored. Two things are
    decided otherwise: a word is punctuation by the reference's tag, so that a wrongly tagged comma does not void a
    sentence; and a malformed output, or one over other words, counts as a tree without constituents instead of being
    left out of the scores. Where tags are all XX no word is known as punctuation, and all count.

    Args:
        hypotheses: trees in brackets with their words, ``(S (NP (DT the) (NN cat)) (VP (VBZ sits)))``.
        references: of each output its tree; further ones are not looked at.

    Returns:
        ``bracket_f1``, ``bracket_precision``, ``bracket_recall``, ``bracket_complete_match`` (the share of sentences
        with all and only the right constituents), each from 0 to 1, and ``bracket_malformed``, a number of outputs.

    Raises:
        DataError: a reference is no tree.
    """
    matched = found_total = wanted_total = complete = malformed = 0
    for hypothesis, (reference, *_) in zip(hypotheses, references):
        wanted_tree = _tree(reference)
        if wanted_tree is None:
            raise DataError(f"reference {reference[:60]!r} is no tree; generate the data again")
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
    """Constituents of a tree as (label, first word, word after the last), each with how often it occurs.

    Args:
        tree: a cleaned tree.
        kept: for each word, whether it counts.
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
    """The cleaned tree, or None where the brackets are malformed or hold no word."""
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
    """`part / whole`; 1 where there was nothing to find."""
    return part / whole if whole else 1.0
