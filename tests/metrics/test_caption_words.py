"""Words of captions are those of the COCO tools' tokenizer, which runs on Java."""

import random
import shutil

import pytest

from t2t_multimodel.metrics.caption_words import words

PARTS = [
    "a", "A", "the", "man", "dog's", "dogs'", "isn't", "don't", "it's", "they've", "he'd", "red-hot", "T-shirt", "3.5",
    "1,000", "10:30", "and/or", "street", "bus", "No", "Two",
]  # fmt: skip
# A full stop inside a caption would make an abbreviation of what is before it.
ENDS = ["", ",", ";", ":", "!", "?", "...", " -", " --"]


def test_equals_the_coco_tokenizer():
    reason = "pycocoevalcap is not installed; pip install 't2t-multimodel[oracles]'"
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason=reason)
    if shutil.which("java") is None:
        pytest.skip("java is not found; install a Java runtime")
    rng = random.Random(1)
    captions = []
    for _ in range(200):
        chosen = [rng.choice(PARTS) for _ in range(rng.randint(1, 9))]
        captions.append(" ".join(word + rng.choice(ENDS) * (rng.random() < 0.2) for word in chosen) + " ring.")
    found = tokenizer.PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(captions)})
    assert [" ".join(words(text)) for text in captions] == [found[i][0] for i in range(len(captions))]
