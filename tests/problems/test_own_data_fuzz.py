"""Mutated lists and texts of own data: the readers raise only the project's errors, and count what they drop."""

import random

import numpy as np
import pytest
import soundfile
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import MultiModelError
from tests.mutation import FAST, SLOW, mutate


def captions(folder):
    Image.new("RGB", (3, 3)).save(folder / "a.jpg")
    return "train.tsv", b"a.jpg\tone caption\na.jpg\tanother \xc3\xbc\n" * 3


def speech(folder):
    soundfile.write(folder / "a.wav", np.zeros(8000), 16000)
    return "train.tsv", b"a.wav\tsome words\na.wav\tothers\n" * 3


def text(folder):
    (folder / "train.targets.txt").write_text("one\ntwo\nthree\n")
    return "train.inputs.txt", "eins\nzwei\nüber drei\n".encode()


PROBLEMS = {"caption_tsv": captions, "speech_tsv": speech, "text2text_folder": text}


def check(name, folder, count):
    file, seed = PROBLEMS[name](folder)
    rng, read = random.Random(0), 0
    for _ in range(count):
        (folder / file).write_bytes(mutate(seed, rng))
        warnings = []
        source = Source(source_dir=folder, options={}, warn=warnings.append)
        try:
            read += len(list(registry.problem(name).examples("train", source)))
        except MultiModelError as error:
            assert "\n" not in str(error)
        assert not [line for line in warnings if "\n" in line]
    assert read


@pytest.mark.parametrize("name", PROBLEMS)
def test_mutated_lists(name, tmp_path):
    check(name, tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_ten_thousand_mutated_lists(name, tmp_path):
    check(name, tmp_path, SLOW)
