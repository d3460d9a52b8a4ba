"""Mutated files of a data folder: what reads them raises nothing but the project's errors."""

import functools
import json
import random

import numpy as np
import pytest

from t2t_multimodel.data.metadata import Metadata, SplitStats
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.records.tfrecord import frame
from t2t_multimodel.data.vocabulary.load import load_vocabulary
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import Label, Vocabulary
from t2t_multimodel.errors import DataError, MultiModelError, VocabularyError
from tests.mutation import FAST, SLOW, mutate


def records_seed() -> bytes:
    rows = [{"inputs": list(range(2, 3 + n)), "targets": [5, 300, 70_000, 1]} for n in range(5)]
    return b"".join(frame(example_proto.serialize_all(rows)))


@functools.cache
def vocabulary() -> Vocabulary:
    return Vocabulary.build(["a small text of words", "words of a text"] * 20, [Label("(S"), Label(")S")], 300)


def read_records(data, folder):
    path = folder / "toy-train-00000-of-00001"
    path.write_bytes(data)
    damage = []
    index = RecordIndex.build([path], warn=damage.append)
    for record in index.read(range(len(index))):
        example_proto.parse(record)
    assert index.skipped == len(damage) and not [line for line in damage if "\n" in line]
    if damage:
        raise DataError(damage[0])


def read_subwords(data, folder):
    (folder / "vocab.subwords").write_bytes(data)
    found = T2TSubwordVocabulary.load(folder / "vocab.subwords")
    assert isinstance(found.decode(found.encode("a small text")), str)


def read_vocabulary_json(data, folder):
    vocabulary().save(folder)
    (folder / "vocab.json").write_bytes(data)
    load_vocabulary(folder)


def vocabulary_seed() -> bytes:
    stored = {"labels": vocabulary().labels}
    return json.dumps({**stored, "version": 1, "size": vocabulary().size, "options": {}}).encode()


def read_metadata(data, folder):
    (folder / "toy.json").write_bytes(data)
    Metadata.load(folder, "toy")


def metadata_seed(tmp_path) -> bytes:
    settings = {"seed": 1, "train_shards": 2, "options": {"a": "b"}}
    Metadata("toy", settings, None, {"train": SplitStats(examples=3)}, target_histogram={1: 2}).save(tmp_path)
    return (tmp_path / "toy.json").read_bytes()


SUBWORDS = "".join(f"'{piece}'\n" for piece in ["<pad>", "<EOS>", "a_", "sm", "all_", *"abcdefglmostx_\\0123456789u;"])
READERS = {
    "TFRecord": (read_records, lambda _: records_seed(), DataError),
    "subwords": (read_subwords, lambda _: SUBWORDS.encode(), VocabularyError),
    "vocab.json": (read_vocabulary_json, lambda _: vocabulary_seed(), VocabularyError),
    "metadata": (read_metadata, metadata_seed, DataError),
}


def check(name, folder, count):
    read, seed, own = READERS[name]
    rng, refused = random.Random(0), 0
    data = seed(folder)
    for _ in range(count):
        try:
            read(mutate(data, rng), folder)
        except MultiModelError as error:
            assert isinstance(error, own) and "\n" not in str(error)
            refused += 1
    assert refused


@pytest.mark.parametrize("name", READERS)
def test_mutated_files(name, tmp_path):
    check(name, tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_mutated_files(name, tmp_path):
    check(name, tmp_path, SLOW)


def test_the_seed_of_records_is_sound(tmp_path):
    read_records(records_seed(), tmp_path)
    (row,) = RecordIndex.build([tmp_path / "toy-train-00000-of-00001"]).read([4])
    np.testing.assert_array_equal(example_proto.parse(row)["targets"], [5, 300, 70_000, 1])
