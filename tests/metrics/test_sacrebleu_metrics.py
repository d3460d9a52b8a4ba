"""BLEU, chrF and TER against sacrebleu's interface on random texts, and by hand."""

import random

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from t2t_multimodel import metrics

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat,", "red.", "house", "big-eyed", "isn't"]
CLASSES = {"bleu": BLEU, "chrf": CHRF, "ter": TER}


def corpus(seed, sentences=30, references=2):
    """Random references, and outputs that are one of them with words exchanged, moved and left out."""
    rng = random.Random(seed)
    wanted = [[" ".join(rng.choices(WORDS, k=rng.randint(1, 14))) for _ in range(references)] for _ in range(sentences)]
    found = []
    for texts in wanted:
        words = rng.choice(texts).split()
        words[rng.randrange(len(words))] = rng.choice(WORDS)
        cut = rng.randrange(len(words))
        found.append(" ".join((words[cut:] + words[:cut])[: rng.randint(1, 14)] if rng.random() < 0.5 else words))
    return found, wanted


@pytest.mark.parametrize("name", sorted(CLASSES))
@pytest.mark.parametrize("references", [1, 2])
def test_equals_the_library_with_its_signature(name, references):
    for seed in range(5):
        found, wanted = corpus(seed, references=references)
        scores = metrics.get(name)(found, wanted)
        library = CLASSES[name]()
        expected = library.corpus_score(found, [list(column) for column in zip(*wanted)]).score
        assert scores[name] == pytest.approx(expected) and 5 < expected < 95
        assert scores[f"{name}_signature"] == str(library.get_signature())
        assert f"nrefs:{references}|" in scores[f"{name}_signature"]


def test_values_by_hand():
    # Moving one word is one edit of four; case and the full stop of a word are not looked at alike.
    assert metrics.get("ter")(["d a b c"], [["a b c d"]])["ter"] == pytest.approx(25)
    assert metrics.get("ter")(["A B"], [["a b"]])["ter"] == 0
    # One of two letters, none of the one pair: the longer n-grams do not exist.
    assert metrics.get("chrf")(["ab"], [["ac"]])["chrf"] == pytest.approx(100 * 0.25)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_numbers_of_references_may_differ(name):
    perfect = 0 if name == "ter" else 100
    scores = metrics.get(name)(
        ["the cat sat on it", "a dog ran to me"], [["the cat sat on it"], ["a dog ran to me"] * 2]
    )
    assert scores[name] == pytest.approx(perfect)
