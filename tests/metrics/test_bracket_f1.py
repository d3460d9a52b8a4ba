"""Bracket scores by hand, by their invariants, and against another implementation of EVALB."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.errors import DataError
from t2t_multimodel.metrics import get

GOLD = "(S (NP (DT the) (NN cat)) (VP (VBZ sits) (PP (IN on) (NP (DT a) (NN mat)))) (. .))"


def score(hypotheses, references):
    return get("bracket_f1")(hypotheses, [[reference] for reference in references])


def counts(hypothesis, reference):
    """Precision, recall and completeness of one sentence."""
    scores = score([hypothesis], [reference])
    return tuple(scores[f"bracket_{name}"] for name in ("precision", "recall", "complete_match"))


def random_tree(rng, leaves, unary=0.3, labels="ABC"):
    """A tree over `leaves` whose spans are all different unless one is put directly above another."""
    if len(leaves) == 1:
        return leaves[0]
    cut = rng.randint(1, len(leaves) - 1)
    parts = random_tree(rng, leaves[:cut], unary, labels), random_tree(rng, leaves[cut:], unary, labels)
    tree = f"({rng.choice(labels)} {' '.join(parts)})"
    return f"({rng.choice('DEF')} {tree})" if rng.random() < unary else tree


def test_a_tree_equals_itself():
    assert score([GOLD], [GOLD]) == {
        "bracket_f1": 1,
        "bracket_precision": 1,
        "bracket_recall": 1,
        "bracket_complete_match": 1,
        "bracket_malformed": 0,
        "bracket_tagging": 1,
    }


def test_values_by_hand():
    # Wanted: S, NP, VP, PP, NP. Found: S, NP, VP, NP and an NP over "a mat", of the second span.
    found = "(S (NP (DT the) (NN cat)) (VP (VBZ sits) (IN on) (ADJP (DT a) (NN mat))) (. .))"
    scores = score([found, GOLD], [GOLD, GOLD])
    assert scores["bracket_precision"] == pytest.approx(8 / 9)
    assert scores["bracket_recall"] == pytest.approx(8 / 10)
    assert scores["bracket_f1"] == pytest.approx(2 * 8 / 19)
    assert scores["bracket_complete_match"] == 0.5


@pytest.mark.parametrize(
    "same",
    [
        "(TOP (S (NP-SBJ (DT the) (NN cat)) (VP (VBZ sits) (PP (IN on) (NP=2 (DT a) (NN mat)))) (. .)))",
        "(S (NP (DT the) (NN cat)) (VP (VBZ sits) (PP (IN on) (NP (DT a) (NN mat)) (. .))))",
        "(S (NP (DT the) (NN cat)) (VP (VBZ sits) (PP (IN on) (NP (DT a) (NN mat)))) (X (. .)))",
        "(S (NP (DT the) (NN cat)) (VP (VBZ sits) (PP (IN on) (NP (XX a) (NN mat)))) (NN .))",
        "( (S (NP (DT the) (NN cat)) (NP (-NONE- *)) (VP (VBZ sits) (PP (IN on) (NP (DT a) (NN mat)))) (. .)))",
    ],
    ids=["tags and root", "punctuation attached elsewhere", "bracket of punctuation", "wrong tags", "trace"],
)
def test_what_does_not_count(same):
    assert counts(same, GOLD) == (1, 1, 1)


def test_particles_are_adverbs():
    assert counts("(VP (VB wait) (ADVP (RP up)))", "(VP (VB wait) (PRT (RP up)))") == (1, 1, 1)


def test_each_bracket_is_matched_once():
    assert counts("(NP (NP (NP (NN a))))", "(NP (NP (NN a)))") == (pytest.approx(2 / 3), 1, 0)


def test_the_right_span_with_another_label_is_wrong():
    assert counts("(NP (NN a) (NN b))", "(VP (NN a) (NN b))") == (0, 0, 0)


@pytest.mark.parametrize("bad", ["", "(S (NP", "S NP DT", "(S (NP (DT the) (NN dog)))", "(S (-NONE- *))"])
def test_malformed_outputs_cost_recall_and_are_counted(bad):
    scores = score([bad, GOLD], [GOLD, GOLD])
    assert (scores["bracket_precision"], scores["bracket_recall"]) == (1, 0.5)
    assert (scores["bracket_complete_match"], scores["bracket_malformed"]) == (0.5, 1)


def test_a_malformed_reference_is_an_error():
    with pytest.raises(DataError, match="not a tree"):
        score([GOLD], ["(S (NP"])


def test_sentences_without_constituents():
    assert counts("(UH yes)", "(UH yes)") == (1, 1, 1)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.randoms(use_true_random=False), st.integers(1, 9))
def test_exchanging_the_sides_exchanges_precision_and_recall(rng, length):
    words = [f"w{i}" for i in range(length)]
    leaves = [f"(NN {word})" for word in words]
    one, other = random_tree(rng, leaves), random_tree(rng, leaves)
    forth, back = counts(one, other), counts(other, one)
    assert (forth[0], forth[1], forth[2]) == (back[1], back[0], back[2])
    assert all(0 <= value <= 1 for value in forth)
    assert (forth[2] == 1) == (forth[:2] == (1, 1))
    assert counts(one, one) == (1, 1, 1)


def test_tags_count_in_the_tagging_accuracy_alone_and_punctuation_does_not():
    other = GOLD.replace("(NN cat)", "(VB cat)").replace("(. .)", "(NN .)")
    scores = score([other, "(S (NP", GOLD], [GOLD, GOLD, GOLD])
    assert scores["bracket_tagging"] == pytest.approx((5 + 0 + 6) / 18)
    assert score([other], [GOLD])["bracket_f1"] == 1


def test_tags_that_are_all_unknown_are_not_scored():
    assert "bracket_tagging" not in score(["(S (XX a) (XX b))"], ["(S (XX a) (XX b))"])
    assert score(["(S (XX a) (XX b))"], ["(S (NN a) (XX b))"])["bracket_tagging"] == 0.5


def random_pair(rng):
    """Two trees over the same words and punctuation, and both as EVALB sees them after COLLINS.prm."""
    marks = [", ,", ": --", "`` ``", "'' ''", ". ?"]
    behind = [f" ({rng.choice(marks)})" if rng.random() < 0.3 else "" for _ in range(rng.randint(2, 10))]
    for _ in range(2):
        leaves = [f"({rng.choice(('NN', 'VB'))} w{i}){mark}" for i, mark in enumerate(behind)]
        tree = random_tree(rng, leaves, labels=("A", "B", "ADVP", "PRT"))
        yield tree, re.sub(r" \((?:,|:|``|''|\.) [^()]*\)", "", tree).replace("(PRT", "(ADVP")


def test_equals_pyevalb_on_random_trees():
    reason = "pyevalb is not installed; pip install 't2t-multimodel[oracles]'"
    scorer = pytest.importorskip("PYEVALB.scorer", reason=reason)
    parse = pytest.importorskip("PYEVALB.parser", reason=reason).create_from_bracket_string
    rng = random.Random(3)
    pairs, results = [], []
    for _ in range(1000):
        (one, seen_one), (other, seen_other) = random_pair(rng)
        result = scorer.Scorer().score_trees(parse(seen_other), parse(seen_one))
        assert counts(one, other)[:2] == (pytest.approx(result.prec), pytest.approx(result.recall))
        assert score([one], [other])["bracket_tagging"] == pytest.approx(result.tag_accracy)
        pairs.append((one, other))
        results.append(result)
    assert sum(0 < result.prec < 1 for result in results) > 400
    assert sum("(," in other for _, other in pairs) > 100 and sum("(PRT" in other for _, other in pairs) > 50
    whole = score(*zip(*pairs))
    matched = sum(result.matched_brackets for result in results)
    assert whole["bracket_precision"] == pytest.approx(matched / sum(result.test_brackets for result in results))
    assert whole["bracket_recall"] == pytest.approx(matched / sum(result.gold_brackets for result in results))
    tags = sum(result.correct_tags for result in results) / sum(result.words for result in results)
    assert whole["bracket_tagging"] == pytest.approx(tags) and 0.3 < tags < 0.7
    complete = [result.prec == result.recall == 1 for result in results]
    assert whole["bracket_complete_match"] == pytest.approx(sum(complete) / 1000)
