"""BLEU-1 to 4 and ROUGE-L of captions against the COCO tools on random captions, and by hand."""

import math
import random

import numpy as np
import pytest

from t2t_multimodel import metrics

WORDS = ["a", "the", "man", "dog", "rides", "runs", "on", "with", "red", "small", "horse", "street"]
REASON = "pycocoevalcap is not installed; pip install 't2t-multimodel[oracles]'"


def corpus(seed, pictures=25):
    """Captions near one of their references."""
    rng = random.Random(seed)
    references = [
        [" ".join(rng.choices(WORDS, k=rng.randint(4, 11))) for _ in range(rng.randint(1, 5))] for _ in range(pictures)
    ]
    hypotheses = []
    for texts in references:
        tokens = rng.choice(texts).split()
        tokens[rng.randrange(len(tokens))] = rng.choice(WORDS)
        hypotheses.append(" ".join(tokens[rng.randint(0, 2) :] + rng.choices(WORDS, k=rng.randint(0, 3))))
    return hypotheses, references


@pytest.mark.parametrize("seed", range(5))
def test_bleu_equals_the_coco_tools(seed):
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason=REASON)
    hypotheses, references = corpus(seed)
    expected, _ = bleu.Bleu(4).compute_score(
        dict(enumerate(references)), {i: [text] for i, text in enumerate(hypotheses)}, verbose=0
    )
    scores = metrics.get("bleu_4")(hypotheses, references)
    np.testing.assert_allclose([scores[f"bleu_{n}"] for n in range(1, 5)], 100 * np.array(expected), rtol=1e-6)
    assert 10 < scores["bleu_4"] < scores["bleu_1"] < 95


@pytest.mark.parametrize("seed", range(5))
def test_rouge_l_equals_the_coco_tools(seed):
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge", reason=REASON)
    hypotheses, references = corpus(seed)
    mean, each = rouge.Rouge().compute_score(
        dict(enumerate(references)), {i: [text] for i, text in enumerate(hypotheses)}
    )
    assert metrics.get("rouge_l")(hypotheses, references)["rouge_l"] == pytest.approx(mean)
    found = metrics.statistics("rouge_l", hypotheses, references).example_scores("rouge_l")
    np.testing.assert_allclose(found, each)


def test_values_by_hand():
    # 3 of 4 words and 1 of 3 pairs; one word shorter than the reference.
    scores = metrics.get("bleu_4")(["a red ring here"], [["A red circle, ring. there"]])
    penalty = math.exp(1 - 5 / 4)
    assert scores["bleu_1"] == pytest.approx(100 * penalty * 3 / 4)
    assert scores["bleu_2"] == pytest.approx(100 * penalty * math.sqrt(3 / 4 * 1 / 3))
    assert scores["bleu_3"] == scores["bleu_4"] == 0
    # "a red ring" is the longest common subsequence: precision 3/4, recall 3/5.
    expected = (1 + 1.44) * 3 / 4 * 3 / 5 / (3 / 5 + 1.44 * 3 / 4)
    assert metrics.get("rouge_l")(["a red ring here"], [["A red circle, ring. there"]])["rouge_l"] == pytest.approx(
        expected
    )


def test_empty_captions_score_nothing():
    references = [["a dog runs on the street"], ["two men"]]
    assert metrics.get("rouge_l")(["", "!"], references)["rouge_l"] == 0
    assert set(metrics.get("bleu_4")(["", "!"], references).values()) == {0}
