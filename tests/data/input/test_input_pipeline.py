import itertools
import shutil

import numpy as np
import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.records.tfrecord import frame, scan, shard_name
from t2t_multimodel.errors import DataError


def inputs(name, data_dir, hparams, split="train", seed=3, **arguments):
    return ProblemInput(registry.problem(name), data_dir, split, hparams, seed=seed, **arguments)


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


def test_the_parts_of_an_evaluation_make_the_whole(mini_data, tiny_hparams):
    source = inputs("mini_parsing", mini_data, tiny_hparams.override("batching.batch_tokens=64"), "dev")
    whole = [batch["targets"].numpy().tolist() for batch in source.evaluate(5)]
    parts = [[batch["targets"].numpy().tolist() for batch in source.evaluate(5, part=i, parts=3)] for i in range(3)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [parts[n % 3][n // 3] for n in range(5)] == whole


def test_text_ends_with_the_end_id_and_is_padded_with_zero(mini_data, tiny_hparams):
    batch = as_arrays(next(inputs("mini_parsing", mini_data, tiny_hparams).train()))
    for ids in (batch["inputs"], batch["targets"]):
        lengths = (ids != 0).sum(1)
        assert all(row[length - 1] == 1 and not row[length:].any() for row, length in zip(ids, lengths))


@pytest.fixture
def damaged(mini_data, tmp_path):
    """Images, one of which cannot be decoded, in the middle of a shard; returns the folder and its row."""
    for file in mini_data.glob("mini_image_class-*-of-*"):
        shutil.copy(file, tmp_path)
    for split in ("train", "dev"):
        shard = min(tmp_path.glob(f"mini_image_class-{split}-00000-*"))
        records = [payload for _, payload in scan(shard, pytest.fail)]
        records.insert(
            2,
            example_proto.serialize(
                {"image/encoded": b"\xff\xd8\xff no picture", "image/format": b"jpeg", "image/class/label": [1]}
            ),
        )
        shard.write_bytes(b"".join(frame(records)))
    return tmp_path


def test_a_picture_that_cannot_be_decoded_is_named_and_skipped(damaged, tiny_hparams):
    warnings = []
    source = inputs("mini_image_class", damaged, tiny_hparams, "dev", warn=warnings.append)
    assert sum(len(batch["targets"]) for batch in source.evaluate()) == source.examples - 1 == 24
    assert source.unreadable == {2} and len(warnings) == 1
    assert "mini_image_class-dev-00000-of-00001: the record of mini_image_class at byte" in warnings[0]
    assert sum(len(batch["targets"]) for batch in source.evaluate()) == 24 and len(warnings) == 1


def test_skipping_does_not_depend_on_where_training_starts(damaged, tiny_hparams):
    def stream(start, count):
        source = inputs("mini_image_class", damaged, tiny_hparams, warn=lambda line: None)
        return [as_arrays(batch) for batch in itertools.islice(source.train(start), count)], source

    whole, source = stream(0, 2 * 24)
    assert source.unreadable == {2}
    assert len({len(batch["targets"]) for batch in whole}) > 1
    later, _ = stream(30, 18)
    for expected, found in zip(whole[30:], later, strict=True):
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value)


def test_an_unreadable_record_is_fatal_under_strict(damaged, tiny_hparams):
    with pytest.raises(DataError, match=r"cannot be read .* run without --strict"):
        list(inputs("mini_image_class", damaged, tiny_hparams, "dev", strict=True).evaluate())


def test_a_split_of_unreadable_records_ends_the_run(damaged, tiny_hparams):
    shard = damaged / shard_name("mini_image_class", "dev", 0, 1)
    bad = [payload for _, payload in scan(shard, pytest.fail)][2]
    shard.write_bytes(b"".join(frame([bad] * 12)))
    with pytest.raises(DataError, match="records of mini_image_class in"):
        list(inputs("mini_image_class", damaged, tiny_hparams, "dev", warn=lambda line: None).evaluate())


def test_audio_longer_than_hparams_allow_is_left_out_of_training_and_whole_in_evaluation(mini_data, tiny_hparams):
    hparams = tiny_hparams.override("audio_max_seconds=2")
    warnings = []
    source = inputs("mini_speech", mini_data, hparams, warn=warnings.append)
    longer = int((source.index.input_length > 2 * 8000).sum())
    assert 0 < longer < source.examples
    (line,) = warnings
    assert line.startswith(f"{longer} of {source.examples} training examples of mini_speech are longer than")
    assert "audio_max_seconds=2" in line
    epoch = [source.plan.train_batch(number) for number in range(source.plan.batches_per_epoch)]
    assert sorted(np.concatenate(epoch)) == np.flatnonzero(source.index.input_length <= 2 * 8000).tolist()
    dev = inputs("mini_speech", mini_data, hparams, "dev")
    frames = [int(batch["input_length"].numpy().max()) for batch in dev.evaluate()]
    assert sum(len(rows) for rows in dev.plan.eval_batches()) == dev.examples
    assert max(frames) > 2 * 1000 / hparams.modalities.audio_hop_ms


def test_text_longer_than_hparams_allow_is_counted(mini_data, tiny_hparams):
    warnings = []
    inputs("mini_parsing", mini_data, tiny_hparams.override("batching.max_length=24"), warn=warnings.append)
    (line,) = warnings
    assert "of 120 training examples of mini_parsing are longer than batching.max_length=24; left out" in line
