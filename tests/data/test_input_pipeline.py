import itertools
import shutil

import numpy as np
import pytest

from t2t_multimodel import registry
from t2t_multimodel.data import example_proto
from t2t_multimodel.data.input_pipeline import ProblemInput
from t2t_multimodel.data.records import frame, shard_name
from t2t_multimodel.errors import DataError


def inputs(name, data_dir, hparams, split="train", seed=3):
    return ProblemInput(registry.problem(name), data_dir, split, hparams, seed=seed)


def as_arrays(batch):
    return {name: value.numpy() for name, value in batch.items()}


@pytest.mark.parametrize("name", ["mini_translate_ende", "mini_image_class", "mini_speech"])
def test_a_stream_may_be_entered_at_any_batch(mini_data, tiny_hparams, name):
    source = inputs(name, mini_data, tiny_hparams)
    whole = [as_arrays(batch) for batch in itertools.islice(source.train(), 5)]
    later = [as_arrays(batch) for batch in itertools.islice(inputs(name, mini_data, tiny_hparams).train(3), 2)]
    for expected, found in zip(whole[3:], later, strict=True):
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value)


def test_an_evaluation_visits_each_example_once(mini_data, tiny_hparams):
    for name in ("mini_translate_ende", "mini_caption"):
        source = inputs(name, mini_data, tiny_hparams, "dev")
        assert sum(len(batch["targets"]) for batch in source.evaluate()) == source.examples == 24


def test_text_ends_with_the_end_id_and_is_padded_with_zero(mini_data, tiny_hparams):
    batch = as_arrays(next(inputs("mini_parsing", mini_data, tiny_hparams).train()))
    for ids in (batch["inputs"], batch["targets"]):
        lengths = (ids != 0).sum(1)
        assert all(row[length - 1] == 1 and not row[length:].any() for row, length in zip(ids, lengths))


def test_a_picture_that_cannot_be_decoded_is_named(mini_data, tiny_hparams, tmp_path):
    for file in mini_data.glob("mini_image_class-dev-*"):
        shutil.copy(file, tmp_path)
    record = example_proto.serialize(
        {"image/encoded": b"\xff\xd8\xff no picture", "image/format": b"jpeg", "image/class/label": np.array([1])}
    )
    shard = tmp_path / shard_name("mini_image_class", "dev", 0, 1)
    shard.write_bytes(shard.read_bytes() + b"".join(frame([record])))
    with pytest.raises(DataError, match="a record of mini_image_class"):
        list(inputs("mini_image_class", tmp_path, tiny_hparams, "dev").evaluate())
