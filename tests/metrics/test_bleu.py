"""BLEU against sacrebleu's interface and by hand."""

import math

import pytest
import sacrebleu

from t2t_multimodel.metrics import get

HYPOTHESES = ["the cat sat on the mat .", "there is a small house", "he reads"]
REFERENCES = ["the cat sat on the mat .", "there is the small white house", "she reads a book"]


def test_value_by_hand():
    # 6 of 7 words, 4 of 6 pairs, 3 of 5 triples and 2 of 4 quadruples occur in the reference, which is as long.
    scores = get("bleu")(["a b c d e x f"], [["a b c d e y f"]])
    assert scores["bleu"] == pytest.approx(100 * math.prod([6 / 7, 4 / 6, 3 / 5, 2 / 4]) ** 0.25)


def test_equals_sacrebleu():
    scores = get("bleu")(HYPOTHESES, [[reference] for reference in REFERENCES])
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert "tok:13a" in scores["bleu_signature"] and "version:" in scores["bleu_signature"]


def test_any_of_several_references_counts_and_their_numbers_may_differ():
    references = [[REFERENCES[0]], [REFERENCES[1], HYPOTHESES[1]], [REFERENCES[2], "they ran", HYPOTHESES[2]]]
    assert get("bleu")(HYPOTHESES, references)["bleu"] == pytest.approx(100)


def test_empty_outputs_score_nothing():
    assert get("bleu")(["", ""], [["a b c d"], ["e"]])["bleu"] == 0
