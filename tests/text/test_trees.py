"""Bracket parsing, cleaning, linearization and its inverse."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.text import bracket_files, linearization, trees
from t2t_multimodel.text.trees import Tree

CONSTITUENTS = ["S", "NP", "VP", "PP", "SBAR", "ADVP|PRT", "X", "FOO"]
TAGS = ["DT", "NN", "XX", ".", ",", "-LRB-", "``", "PRP$", "$", "/"]
WORDS = st.text(
    st.characters(blacklist_characters=" \t\r\n\f\v()", blacklist_categories=["Cs"]), min_size=1, max_size=6
)
PRETERMINALS = st.builds(lambda tag, word: Tree(tag, (word,)), st.sampled_from(TAGS), WORDS)
TREES = st.recursive(
    PRETERMINALS,
    lambda inner: st.builds(
        lambda label, children: Tree(label, tuple(children)),
        st.sampled_from(CONSTITUENTS),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=25,
)

# The same cases in every run, however slow the machine.
STEADY = settings(deadline=None, derandomize=True)


def tree(text):
    return bracket_files.parse_tree(text)


def test_linearization_equals_tensor2tensors(golden_dir):
    golden = json.loads((golden_dir / "wsj_linearization.json").read_text())
    assert golden
    for case in golden:
        cleaned = bracket_files.clean(tree(case["tree"]))
        assert " ".join(linearization.linearize(cleaned)) == case["tags"]
        assert " ".join(cleaned.words()) == case["words"]
        assert linearization.delinearize(case["tags"].split(), case["words"].split()) == (cleaned, 0)


def test_special_cases_of_the_treebank_are_cleaned(corpora_dir):
    path = corpora_dir / "parsing/treebank_3/parsed/mrg/wsj/24/wsj_2454.mrg"
    cleaned = [bracket_files.clean(one) for one in bracket_files.parse_trees(path.read_text())]
    assert [one and trees.to_brackets(one) for one in cleaned] == [
        "(S (NP (DT The) (NNS loans)) (VP (VBD were) (VP (VBN repaid) (PP (IN by) (NP (NNP Friday))))) (. .))",
        "(S (NP (NP (DT The) (NN ferry)) (SBAR (WHNP (WDT that)) (S (VP (VBD left) (PP (IN from) (NP (NNP Oban)))))))"
        " (VP (VBD carried) (NP (QP (RB almost) (CD 40)) (NNS cars))) (. .))",
        "(S (NP (NP (DT The) (NN firm)) (PRN (-LRB- -LRB-) (ADVP (RB once)) (NP (DT a) (NN bakery)) (-RRB- -RRB-)))"
        " (VP (VBZ sells) (NP (NP (NNS shelves)) (PRN (-LRB- -LCB-) (NP (CD 1\\/2) (NN inch)) (-RRB- -RCB-)))) (. .))",
        "(S (`` ``) (S (NP (PRP It)) (VP (VBZ costs) (NP ($ $) (CD 3.50)))) (, ,) ('' '') (NP (NNP Ms.) (NNP Lind))"
        " (VP (VBD said)) (. .))",
        "(FRAG (NP (NP (NP (NNP Lisbon)))))",
        "(S (VP (VB Wait) (ADVP|PRT (RP up))) (. !))",
        "(S (NP (PRP$ Its) (NN roof)) (VP (VBZ leaks) (CC and) (VBZ creaks)))",
        None,
        "(SBARQ (WHNP (WP What)) (SQ (VBD did) (NP (PRP they)) (VP (VB sell))) (. ?))",
    ]


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        ("NP-SBJ-1", "NP"),
        ("NP-SBJ=1", "NP"),
        ("NP=2", "NP"),
        ("S-TPC-2", "S"),
        ("-LRB-", "-LRB-"),
        ("-NONE-", "-NONE-"),
        ("ADVP|PRT", "ADVP|PRT"),
        ("ADVP|PRT-CLR", "ADVP|PRT"),
        ("=", "="),
        ("PRP$", "PRP$"),
    ],
)
def test_plain_label(label, plain):
    assert bracket_files.plain_label(label) == plain


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("(TOP (S (NN a)))", "(S (NN a))"),
        ("( (TOP (S1 (S (NN a)))))", "(S (NN a))"),
        ("( (S (NN a)) (. .))", "(TOP (S (NN a)) (. .))"),
        ("( (UH Yes))", "(UH Yes)"),
        ("(S ((NP (NN a))) (VP (VB b)))", "(S (NP (NN a)) (VP (VB b)))"),
        ("(S\n  (NP\u00a0x (NN a\u00a0b)))", "(S (NP\u00a0x (NN a\u00a0b)))"),
    ],
)
def test_outer_brackets(text, cleaned):
    assert trees.to_brackets(bracket_files.clean(tree(text))) == cleaned


@pytest.mark.parametrize(
    "text", ["", ")", "(", "()", "(S)", "(S (NP)", "(S (NN a)))", "a", "a (S (NN a))", "(S (NN a)) b", "(S (NN a) b)"]
)
def test_malformed_trees_are_named(text):
    with pytest.raises(BadExampleError, match="tree"):
        tree(text)


def test_one_malformed_tree_does_not_spoil_the_others():
    text = "( (S (NN a)))\n( (S\n  (NN b))\n( (S\n  (NN c))))\n( (S (NN d)))\n(S (NN e))"
    outcome = []
    for raw in bracket_files.split_trees(text):
        try:
            outcome.append((raw.line, "".join(tree(raw.text).words())))
        except BadExampleError:
            outcome.append((raw.line, None))
    assert outcome == [(1, "a"), (2, None), (4, None), (6, "d"), (7, "e")]


def test_brackets_in_the_first_column_inside_sound_trees_start_no_new_tree():
    text = "(S\n(NP (NN a))\n(VP (VB b)))\n(S\n(NN c))"
    assert [one.words() for one in bracket_files.parse_trees(text)] == [["a", "b"], ["c"]]


def test_parse_trees_names_tree_and_line():
    with pytest.raises(BadExampleError, match=r"tree 2 \(line 3\)"):
        list(bracket_files.parse_trees("(S (NN a))\n\n(S (NN b)"))


def test_linearize_with_words_and_one_tag():
    one = tree("(S (NP (DT The) (NN cat)) (VP (VBD sat)))")
    assert linearization.linearize(one, "xx") == ["S", "NP", "XX", "XX", "/NP", "VP", "XX", "/VP", "/S"]
    symbols = linearization.linearize(one, words=True)
    assert symbols == ["S", "NP", "DT", "The", "NN", "cat", "/NP", "VP", "VBD", "sat", "/VP", "/S"]
    assert [symbol for symbol in symbols if not isinstance(symbol, Label)] == ["The", "cat", "sat"]
    with pytest.raises(ValueError, match="preterminals"):
        linearization.linearize(one, "tags")
    with pytest.raises(BadExampleError, match="slash"):
        linearization.linearize(tree("(S (/NP (NN a)))"))


@STEADY
@given(TREES)
def test_brackets_round_trip(one):
    assert tree(trees.to_brackets(one)) == one
    assert bracket_files.clean(tree("( " + trees.to_brackets(one) + ")")).words() == one.words()


@STEADY
@given(TREES)
def test_linearization_round_trip(one):
    assert linearization.delinearize(linearization.linearize(one), one.words()) == (one, 0)
    assert linearization.delinearize([str(label) for label in linearization.linearize(one)], one.words()) == (one, 0)
    assert linearization.delinearize(linearization.linearize(one, words=True), one.words()) == (one, 0)
    flat, repairs = linearization.delinearize(linearization.linearize(one, "xx"), one.words())
    assert repairs == 0
    assert linearization.linearize(flat, "xx") == linearization.linearize(one, "xx")


def test_words_tell_tags_from_constituents_of_the_same_name():
    one = tree("(S (NP a) (NP (NP (X b)) (X c)))")
    assert linearization.delinearize(linearization.linearize(one, words=True), one.words()) == (one, 0)


@settings(STEADY, max_examples=300)
@given(
    st.lists(st.sampled_from([*CONSTITUENTS, *TAGS, "/S", "/NP", "/VP", "/X", "//", "w", "("]), max_size=20),
    st.lists(WORDS, max_size=6),
)
@example(["S", "A", "/A", "/S"], ["w"])
def test_any_sequence_gives_a_tree_over_the_words(tokens, words):
    one, repairs = linearization.delinearize(tokens, words)
    assert one.words() == words
    if repairs == 0:
        assert linearization.linearize(one) == tokens
    labelled = [Label(token) if token != "w" else token for token in tokens]
    one, repairs = linearization.delinearize(labelled, words)
    assert one.words() == words
    assert repairs >= 0


@pytest.mark.parametrize(
    ("tokens", "repaired", "repairs"),
    [
        ("S NP DT NN /NP VP VBD", "(S (NP (DT the) (NN cat)) (VP (VBD sat)))", 2),
        ("S NP DT NN /NP VP VBD /VP /PP /S", "(S (NP (DT the) (NN cat)) (VP (VBD sat)))", 1),
        ("S NP DT NN /NP /S", "(S (NP (DT the) (NN cat)) (XX sat))", 1),
        ("S NP DT NN NN NN /NP /S", "(S (NP (DT the) (NN cat) (NN sat)))", 1),
        ("NP DT NN /NP VP VBD /VP", "(TOP (NP (DT the) (NN cat)) (VP (VBD sat)))", 1),
        ("S NP DT NN /NP PP /PP VBD /S", "(S (NP (DT the) (NN cat)) (VBD sat))", 1),
        ("", "(TOP (XX the) (XX cat) (XX sat))", 4),
    ],
)
def test_repairs_are_counted(tokens, repaired, repairs):
    one, count = linearization.delinearize(tokens.split(), ["the", "cat", "sat"])
    assert (trees.to_brackets(one), count) == (repaired, repairs)


def test_deep_trees_do_not_exhaust_the_stack():
    depth = 30_000
    one = tree("(NP " * depth + "(NN a)" + ")" * depth)
    cleaned = bracket_files.clean(one)
    symbols = linearization.linearize(cleaned)
    assert len(symbols) == 2 * depth + 1
    assert linearization.delinearize(symbols, ["a"]) == (cleaned, 0)
    assert hash(one) == hash(cleaned)
    assert trees.draw(tree("(S (NN a))")) == "S\n  NN a"


def test_unsafe_words_keep_the_brackets_balanced():
    shown = trees.to_brackets(Tree("S", (Tree("N N", ("a(b",)), Tree("(", (")",)))))
    assert shown == "(S (N_N a-LRB-b) (-LRB- -RRB-))"


def test_draw():
    assert trees.draw(tree("(S (NP (DT The) (NN cat)) (VP (VBD sat)))")) == (
        "S\n  NP\n    DT The\n    NN cat\n  VP\n    VBD sat"
    )


def mutate(text, rng):
    """A few random deletions, insertions, copies and swaps."""
    for _ in range(rng.randint(1, 6)):
        at, to = rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)
        text = (
            rng.choice(
                [
                    text[:at] + text[at + rng.randint(1, 5) :],
                    text[:at]
                    + rng.choice(["(", ")", "((", "))", " ", "\n", "-NONE-", "/", "\x00", "\u2028"])
                    + text[at:],
                    text[:at] + text[min(at, to) : max(at, to)][:200] + text[at:],
                    text[:at],
                    text[at:] + text[:at],
                ]
            )
            or "("
        )
    return text


def check_mutations(corpora_dir, number):
    original = (corpora_dir / "parsing/treebank_3/parsed/mrg/wsj/24/wsj_2454.mrg").read_text()
    rng = random.Random(1)
    kept = bad = 0
    for _ in range(number):
        start = rng.randrange(len(original) - 400)
        for raw in bracket_files.split_trees(mutate(original[start : start + 400], rng)):
            assert raw.line >= 1
            try:
                one = bracket_files.clean(tree(raw.text))
                symbols = linearization.linearize(one) if one else []
            except BadExampleError:
                bad += 1
                continue
            if one:
                kept += 1
                rng.shuffle(symbols)
                assert linearization.delinearize(symbols, one.words())[0].words() == one.words()
    assert kept > number // 20
    assert bad > number // 20


def test_mutated_trees_raise_nothing_but_the_readers_error(corpora_dir):
    check_mutations(corpora_dir, 1500)


@pytest.mark.slow
def test_ten_thousand_mutated_trees(corpora_dir):
    check_mutations(corpora_dir, 10_000)
