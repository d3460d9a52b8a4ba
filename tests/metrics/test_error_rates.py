"""Word and character error rates."""

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.metrics import get

SENTENCES = st.lists(st.text("ab ", max_size=12), min_size=1, max_size=4)


def rate(name, hypotheses, references):
    return get(name)(hypotheses, [[reference] for reference in references])[name]


def edits(found, wanted):
    """Levenshtein distance of two sequences."""
    row = np.arange(len(wanted) + 1)
    for i, one in enumerate(found, 1):
        above, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(wanted, 1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (one != other))
    return int(row[-1])


@pytest.mark.parametrize(
    ("hypothesis", "reference", "wer", "cer"),
    [
        ("the cat sat", "the cat sat", 0, 0),
        ("the bat", "the cat sat", 2 / 3, 5 / 11),
        ("the cat sat down", "the cat sat", 1 / 3, 5 / 11),
        ("", "the cat sat", 1, 1),
        ("  the   cat sat ", "the cat sat", 0, 0),
        ("The cat sat", "the cat sat", 1 / 3, 1 / 11),
    ],
)
def test_values_by_hand(hypothesis, reference, wer, cer):
    assert rate("wer", [hypothesis], [reference]) == pytest.approx(wer)
    assert rate("cer", [hypothesis], [reference]) == pytest.approx(cer)


def test_rates_are_of_the_corpus_not_means_of_sentences():
    assert rate("wer", ["a", "b c d x"], ["x", "b c d e"]) == pytest.approx(2 / 5)


def test_words_for_an_empty_reference_are_insertions():
    assert rate("wer", ["a b", "c d e"], ["", "c d e"]) == pytest.approx(2 / 3)
    assert rate("cer", ["a b", "cd"], ["", "cd"]) == pytest.approx(3 / 2)
    assert (rate("wer", ["a b"], [""]), rate("wer", [""], [""]), rate("cer", ["", ""], ["", ""])) == (2, 0, 0)


def test_the_first_reference_counts():
    assert get("wer")(["a"], [["a", "b c"]])["wer"] == 0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SENTENCES, st.randoms(use_true_random=False))
def test_rates_are_edits_over_references(references, random):
    hypotheses = [random.choice(references)[random.randint(0, 3) :] for _ in references]
    for name, cut in (("wer", str.split), ("cer", lambda text: " ".join(text.split()))):
        pairs = [(cut(hypothesis), cut(reference)) for hypothesis, reference in zip(hypotheses, references)]
        total = sum(len(wanted) for _, wanted in pairs)
        expected = sum(edits(*pair) for pair in pairs) / max(total, 1)
        assert rate(name, hypotheses, references) == pytest.approx(expected)
        assert rate(name, references, references) == 0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SENTENCES, st.randoms(use_true_random=False))
def test_counts_of_edits_explain_the_lengths_and_the_rate(references, random):
    hypotheses = [random.choice(references)[random.randint(0, 3) :] for _ in references]
    scores = get("wer")(hypotheses, [[reference] for reference in references])
    kinds = [scores[f"wer_{kind}"] for kind in ("substitutions", "deletions", "insertions")]
    words = [sum(len(text.split()) for text in texts) for texts in (hypotheses, references)]
    assert scores["wer_reference_words"] == words[1]
    assert words[0] - words[1] == scores["wer_insertions"] - scores["wer_deletions"]
    assert scores["wer"] == pytest.approx(sum(kinds) / max(1, words[1]))
    assert all(isinstance(count, int) for count in kinds)


def test_kinds_of_edits_by_hand():
    words = get("wer")(["a x c d e"], [["a b c d"]])
    assert [words[f"wer_{kind}"] for kind in ("substitutions", "deletions", "insertions")] == [1, 0, 1]
    letters = get("cer")(["abd"], [["abcd"]])
    assert [letters[f"cer_{kind}"] for kind in ("substitutions", "deletions", "insertions")] == [0, 1, 0]
    assert letters["cer_reference_characters"] == 4


def test_equals_jiwer_and_states_the_normaliser():
    hypotheses, references = ["the bat sat", "", "A  b"], ["the cat sat", "is it", "a b c"]
    expected = jiwer.process_words(references, hypotheses)
    scores = get("wer")(hypotheses, [[reference] for reference in references])
    assert scores["wer"] == pytest.approx(expected.wer) == pytest.approx(jiwer.wer(references, hypotheses))
    assert (scores["wer_substitutions"], scores["wer_deletions"], scores["wer_insertions"]) == (
        expected.substitutions,
        expected.deletions,
        expected.insertions,
    )
    assert scores["wer_signature"].startswith("case:mixed|punctuation:kept|blanks:collapsed|unit:words|")
    assert "unit:characters" in get("cer")(["a"], [["a"]])["cer_signature"]
