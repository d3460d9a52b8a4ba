import contextlib
import os
import pathlib
import pickle
import random
import struct

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.records import example_proto, tfrecord
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.errors import DataError


def _write(path: pathlib.Path, payloads: list[bytes]) -> None:
    path.write_bytes(b"".join(tfrecord.frame(payloads)))


def _example(number: int, extra: int = 0) -> bytes:
    return example_proto.serialize({"inputs": [5] * (number % 7) + [1], "targets": [300, number, *[9] * extra, 1]})


def _write_split(folder: pathlib.Path, shards: int = 3, each: int = 4, name: str = "toy-train") -> list[bytes]:
    payloads = [_example(number, number % 3) for number in range(shards * each)]
    for shard in range(shards):
        _write(folder / f"{name}-{shard:05d}-of-{shards:05d}", payloads[shard * each : (shard + 1) * each])
    return payloads


def test_crc_of_known_vectors_and_all_lengths():
    # RFC 3720, B.4
    assert _unmasked([b"123456789"]) == [0xE3069283]
    assert _unmasked([bytes(32), b"\xff" * 32, bytes(range(32)), b""]) == [
        0x8A9136AA,
        0x62A8AB43,
        0x46DD794E,
        0,
    ]
    rng = random.Random(0)
    data = [rng.randbytes(length) for length in [*range(300), 511, 512, 513, 4096, 5000]]
    assert _unmasked(data) == [_bytewise(one) for one in data]


def _unmasked(payloads: list[bytes]) -> list[int]:
    """CRC-32C as it is before TFRecord's mask."""
    rotated = [(check - 0xA282EAD8) & 0xFFFFFFFF for check in tfrecord.masked_crc32c(payloads).tolist()]
    return [(check << 15 | check >> 17) & 0xFFFFFFFF for check in rotated]


def test_checksums_are_computed_in_c():
    # The Python fallback of google-crc32c makes generation some hundred times slower.
    assert google_crc32c.implementation == "c"


def _bytewise(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_FEATURES = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.one_of(
        st.lists(_INT64, max_size=20),
        st.binary(max_size=300),
        st.lists(st.floats(width=32, allow_nan=False), max_size=20).map(lambda v: np.array(v, np.float32)),
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(_FEATURES)
def test_example_survives_and_counts_agree(features):
    serialized = example_proto.serialize(features)
    parsed, counts = example_proto.parse(serialized), example_proto.value_counts(serialized)
    assert parsed.keys() == features.keys() == counts.keys()
    for name, value in features.items():
        if isinstance(value, bytes):
            assert parsed[name] == [value] and counts[name] == 1
        else:
            np.testing.assert_array_equal(parsed[name], np.array(value, parsed[name].dtype))
            assert counts[name] == len(value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_garbage_is_parsed_or_refused(data):
    for function in (example_proto.parse, example_proto.value_counts):
        with contextlib.suppress(ValueError):
            function(data)


def test_tensorflow_reads_and_writes_the_same(tmp_path):
    tf = pytest.importorskip("tensorflow")
    values = {"inputs": [1, -1, 1 << 40], "image/encoded": b"\xff\xd8", "waveforms": np.array([0.5, -1], np.float32)}
    serialized = example_proto.serialize(values)
    message = tf.train.Example.FromString(serialized)
    assert message.SerializeToString(deterministic=True) == serialized
    assert example_proto.parse(message.SerializeToString())["inputs"].tolist() == values["inputs"]
    _write(tmp_path / "ours", [serialized, b"", serialized * 100])
    read = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "ours"))]
    assert read == [serialized, b"", serialized * 100]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for payload in read:
            writer.write(payload)
    assert (tmp_path / "theirs").read_bytes() == (tmp_path / "ours").read_bytes()


def test_shard_paths(tmp_path):
    with pytest.raises(DataError, match="t2t-datagen --problem=toy"):
        tfrecord.shard_paths(tmp_path, "toy", "train")
    _write_split(tmp_path)
    (tmp_path / "toy-train.index.npz").write_bytes(b"")
    (tmp_path / "toy-train-extra").write_bytes(b"")
    names = [path.name for path in tfrecord.shard_paths(tmp_path, "toy", "train")]
    assert names == [f"toy-train-{shard:05d}-of-00003" for shard in range(3)]
    (tmp_path / names[1]).unlink()
    with pytest.raises(DataError, match="toy-train-00001-of-00003 is missing"):
        tfrecord.shard_paths(tmp_path, "toy", "train")
    (tmp_path / "toy-train-00000-of-00001").write_bytes(b"")
    with pytest.raises(DataError, match="sets of"):
        tfrecord.shard_paths(tmp_path, "toy", "train")


def test_index_gives_random_access_and_lengths(tmp_path):
    payloads = _write_split(tmp_path)
    index = RecordIndex.load_or_build(tmp_path, "toy", "train")
    assert len(index) == len(payloads) and index.skipped == 0
    rows = np.random.default_rng(0).permutation(len(payloads))
    assert index.read(rows) == [payloads[row] for row in rows]
    assert index.input_length.tolist() == [number % 7 + 1 for number in range(12)]
    assert index.target_length.tolist() == [3 + number % 3 for number in range(12)]
    index.close()
    assert index.read([3]) == [payloads[3]]


def test_lengths_of_sound_pictures_and_classes(tmp_path):
    sound = example_proto.serialize({"waveforms": np.zeros(50, np.float32), "targets": [7, 1]})
    caption = example_proto.serialize({"image/encoded": b"x", "image/format": b"png", "image/class/label": [4, 5, 1]})
    labelled = example_proto.serialize({"image/encoded": b"x", "image/class/label": [3]})
    _write(tmp_path / "toy-dev-00000-of-00001", [sound, caption, labelled])
    index = RecordIndex.load_or_build(tmp_path, "toy", "dev")
    assert index.input_length.tolist() == [50, 1, 1] and index.target_length.tolist() == [2, 3, 1]


def test_lengths_by_given_sides(tmp_path):
    filters = {"filterbanks": np.zeros(170, np.float32), "words": [3] * 7, "targets": [9, 9, 9, 1]}
    image = {"picture": b"x" * 99, "words": [1]}
    _write(tmp_path / "toy-dev-00000-of-00001", [example_proto.serialize(row) for row in (filters, image)])
    for mapper in (map, lambda function, items: map(pickle.loads(pickle.dumps(function)), items)):
        (tmp_path / "toy-dev.index.npz").unlink(missing_ok=True)
        sides = (("filterbanks", 80), ("words", 1))
        index = RecordIndex.load_or_build(tmp_path, "toy", "dev", sides=sides, mapper=mapper)
        assert index.input_length.tolist() == [2, 1] and index.target_length.tolist() == [7, 1]
    built = RecordIndex.build(index.paths, sides=(("picture", 1), ("words", 2)))
    assert built.input_length.tolist() == [1, 1] and built.target_length.tolist() == [3, 0]


def test_index_file_is_used_and_renewed(tmp_path, monkeypatch):
    payloads = _write_split(tmp_path)
    RecordIndex.load_or_build(tmp_path, "toy", "train").close()
    with monkeypatch.context() as patched:
        patched.setattr(RecordIndex, "build", None)
        assert RecordIndex.load_or_build(tmp_path, "toy", "train").read([11]) == [payloads[11]]
    shard = tmp_path / "toy-train-00000-of-00003"
    _write(shard, payloads[:2])
    assert len(RecordIndex.load_or_build(tmp_path, "toy", "train")) == 10
    (tmp_path / "toy-train.index.npz").write_bytes(b"damaged")
    assert len(RecordIndex.load_or_build(tmp_path, "toy", "train")) == 10


def test_index_stays_in_memory_where_it_cannot_be_written(tmp_path, monkeypatch):
    _write_split(tmp_path)

    def refuse(*args):
        raise PermissionError("read-only")

    monkeypatch.setattr("t2t_multimodel.data.storage.write_atomically", refuse)
    assert len(RecordIndex.load_or_build(tmp_path, "toy", "train")) == 12
    assert not (tmp_path / "toy-train.index.npz").exists()


@pytest.mark.parametrize("name, kept, where", [("cut", 3, "byte 174"), ("bad_crc", 4, "byte 58")])
def test_damaged_shards_of_the_corpus(corpora_dir, name, kept, where):
    path, warnings = corpora_dir / "bad" / "tfrecord" / f"{name}.tfrecord", []
    index = RecordIndex.build([path], warn=warnings.append)
    assert len(index) == kept and index.skipped == 1 and len(index.read(range(kept))) == kept
    assert len(warnings) == 1 and str(path) in warnings[0] and where in warnings[0]
    with pytest.raises(DataError, match=where):
        RecordIndex.build([path], strict=True)


def test_damaged_length_loses_the_rest_of_the_file_only(tmp_path):
    payloads = _write_split(tmp_path)
    shard, warnings = tmp_path / "toy-train-00001-of-00003", []
    data = bytearray(shard.read_bytes())
    at = len(tfrecord.frame([payloads[4]])[0])
    data[at] ^= 1
    shard.write_bytes(data)
    index = RecordIndex.load_or_build(tmp_path, "toy", "train", warn=warnings.append)
    assert len(index) == 9 and index.skipped == 1 and f"byte {at}" in warnings[0] and shard.name in warnings[0]
    assert index.read([4, 5]) == [payloads[4], payloads[8]]
    again: list[str] = []
    assert RecordIndex.load_or_build(tmp_path, "toy", "train", warn=again.append).skipped == 1 and again
    with pytest.raises(DataError, match=shard.name):
        RecordIndex.load_or_build(tmp_path, "toy", "train", strict=True)


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path):
    payloads = [_example(number) for number in range(3)]
    path, good = tmp_path / "toy-train-00000-of-00001", b"".join(tfrecord.frame(payloads))
    ends = {0, *np.cumsum([len(frame) for frame in tfrecord.frame(payloads)]).tolist()}
    for cut in range(len(good)):
        path.write_bytes(good[:cut])
        index = RecordIndex.build([path], warn=lambda line: None)
        assert index.skipped == (cut not in ends)
        assert index.read(range(len(index))) == payloads[: len(index)]
    for at in range(len(good)):
        path.write_bytes(good[:at] + struct.pack("B", good[at] ^ 0x40) + good[at + 1 :])
        index = RecordIndex.build([path], warn=lambda line: None)
        assert index.skipped == 1 and set(index.read(range(len(index)))) <= set(payloads)


def test_record_that_is_no_example_is_skipped(tmp_path):
    path, warnings = tmp_path / "toy-dev-00000-of-00001", []
    _write(path, [_example(1), b"\x0a\xff", _example(2)])
    index = RecordIndex.build([path], warn=warnings.append)
    assert len(index) == 2 and index.skipped == 1 and "tf.train.Example" in warnings[0]


def test_shard_cut_after_indexing_is_an_error(tmp_path):
    _write_split(tmp_path)
    index = RecordIndex.load_or_build(tmp_path, "toy", "train")
    os.truncate(index.paths[2], 20)
    with pytest.raises(DataError, match="cut"):
        index.read([11])
