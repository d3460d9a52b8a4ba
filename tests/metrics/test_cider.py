"""CIDEr-D by hand, by its invariants, and against the authors' implementation."""

import math
import random

import numpy as np
import pytest

from t2t_multimodel.metrics import get
from t2t_multimodel.metrics.caption_words import words
from t2t_multimodel.metrics.cider import cider_d

WORDS = ["a", "the", "man", "dog", "rides", "runs", "on", "with", "red", "small", "horse", "street"]


def corpus(seed, pictures=12):
    """Captions that share n-grams with their references, and references of different images that share some."""
    rng = random.Random(seed)
    references = [
        [" ".join(rng.choices(WORDS, k=rng.randint(1, 11))) for _ in range(rng.randint(1, 5))] for _ in range(pictures)
    ]
    hypotheses = []
    for texts in references:
        tokens = rng.choice(texts).split()
        tokens[rng.randrange(len(tokens))] = rng.choice(WORDS)
        hypotheses.append(" ".join(tokens + rng.choices(WORDS, k=rng.randint(0, 4))))
    hypotheses[rng.randrange(pictures)] = ""
    return hypotheses, references


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_authors_implementation(seed):
    reason = "pycocoevalcap is not installed; pip install 't2t-multimodel[oracles]'"
    cider = pytest.importorskip("pycocoevalcap.cider.cider", reason=reason)
    hypotheses, references = corpus(seed)
    mean, each = cider.Cider().compute_score(dict(enumerate(references)), {i: [h] for i, h in enumerate(hypotheses)})
    assert get("cider")(hypotheses, references)["cider"] == pytest.approx(mean)
    found = cider_d([h.split() for h in hypotheses], [[r.split() for r in texts] for texts in references])
    np.testing.assert_allclose(found, each, atol=1e-9)
    assert mean > 0.5


def test_values_by_hand():
    # The two images share no n-grams, so each weighs log 2. The first caption equals its reference. The second has two
    # of the three words, each of weight 1 in a vector of three, and one of two pairs: cosines 2/sqrt(6) and 1/sqrt(2).
    scores = cider_d([list("abcd"), list("xy")], [[list("abcd")], [list("xyz")]])
    penalty = math.exp(-1 / (2 * 6**2))
    np.testing.assert_allclose(scores, [10, 10 * penalty * (2 / math.sqrt(6) + 1 / math.sqrt(2)) / 4])


def test_repeating_a_word_does_not_pay():
    references = [["a dog runs on the street"], ["two men ride a horse"]]
    once, often = (get("cider")([text, ""], references)["cider"] for text in ("dog", "dog dog dog dog dog dog"))
    assert once > 2 * often > 0


def test_what_every_picture_has_counts_nothing():
    references = [["a dog runs"], ["a dog sits"], ["a dog and a man"]]
    assert get("cider")(["a dog"] * 3, references)["cider"] == 0
    assert get("cider")(["a red dog"], [["a red dog"]])["cider"] == 0


def test_order_of_pictures_and_references_does_not_matter():
    hypotheses, references = corpus(7)
    shuffled = [texts[::-1] for texts in references[::-1]]
    assert get("cider")(hypotheses[::-1], shuffled)["cider"] == pytest.approx(
        get("cider")(hypotheses, references)["cider"]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A man, riding; a horse.", "a man riding a horse"),
        ("The dog's ball isn't red-hot!", "the dog 's ball is n't red-hot"),
        ("3.5 of 1,000 (small) “cats”…", "3.5 of 1,000 small cats"),
        ("Ein Mädchen", "ein mädchen"),
        (" . ", ""),
    ],
)
def test_words(text, expected):
    assert words(text) == expected.split()
