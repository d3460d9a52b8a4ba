import hashlib
import json
import pathlib
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from t2t_multimodel.data.generation import engine, shuffle, split_writer, workers
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import features
from t2t_multimodel.data.records.features import decode_features, encode_example, parsing_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.records.tfrecord import frame, scan
from t2t_multimodel.data.vocabulary.vocabulary import Label, Vocabulary
from t2t_multimodel.errors import BadExampleError, DataError, MultiModelError, VocabularyError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.registry import register_problem

_WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_PNG = b"\x89PNG\r\n\x1a\n"


class Interrupted(BaseException):
    """Stands for a kill."""


class _Toy(Problem):
    command = "to_toy"
    options = {"train": 300, "bad": False}
    explode: tuple[str, int] | None = None

    def examples(self, split, source):
        count = {"train": source.options["train"], "dev": 20, "test": 0}[split]
        for number in range(count):
            if self.explode == (split, number):
                raise Interrupted
            if source.options["bad"] and number % 10 == 3:
                source.drop("broken", f"{split} {number}")
                continue
            yield {**self.example(number, np.random.default_rng([source.seed, number])), "meta/number": number}


@register_problem("toy_text")
class ToyText(_Toy):
    inputs = SymbolSpec()
    targets = SymbolSpec()

    def example(self, number, rng):
        words = [_WORDS[at] for at in rng.integers(10, size=1 + number % 9)]
        return {"inputs": " ".join(words), "targets": " ".join(reversed(words))}


@register_problem("toy_tree")
class ToyTree(_Toy):
    inputs = SymbolSpec()
    targets = SymbolSpec()

    def example(self, number, rng):
        return {"inputs": _WORDS[number % 10], "targets": [Label("(S"), _WORDS[number % 10], Label(")S")]}


@register_problem("toy_image")
class ToyImage(_Toy):
    inputs = ImageSpec()
    targets = ClassLabelSpec(3)

    def example(self, number, rng):
        return {"inputs": (_PNG if number % 2 else b"\xff\xd8") + rng.bytes(50), "targets": number % 3}

    def label_names(self, source):
        return ["a", "b", "c"]


@register_problem("toy_caption")
class ToyCaption(_Toy):
    inputs = ImageSpec()
    targets = SymbolSpec()

    def example(self, number, rng):
        return {"inputs": b"\xff\xd8" + rng.bytes(20), "targets": _WORDS[number % 10], "meta/name": f"é{number}"}


@register_problem("toy_speech")
class ToySpeech(_Toy):
    inputs = AudioSpec()
    targets = SymbolSpec()

    def example(self, number, rng):
        return {"inputs": rng.standard_normal(10 + number).astype(np.float32), "targets": _WORDS[number % 10]}


_ALL = ["toy_text", "toy_tree", "toy_image", "toy_caption", "toy_speech"]


def _generate(folder, problems=("toy_text",), **arguments) -> list[Metadata]:
    defaults = {"num_workers": 1, "num_shards": 4, "vocab_size": 400, "report": lambda line: None}
    return engine.generate(list(problems), folder, **{**defaults, **arguments})


def _digests(folder: pathlib.Path) -> dict[str, str]:
    """Digests of all files but the indices, which hold times."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".npz"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _numbers(folder, problem, split) -> list[int]:
    index = RecordIndex.load_or_build(folder, problem, split)
    return [int(decode_features(record)["meta/number"][0]) for record in index.read(range(len(index)))]


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("generated")
    _generate(folder, _ALL)
    return folder


def test_every_example_is_there_once(generated):
    for problem in _ALL:
        assert sorted(_numbers(generated, problem, "train")) == list(range(300))
        assert _numbers(generated, problem, "dev") == list(range(20)), "dev keeps the order of the corpus"
    assert not list(generated.glob("*-test-*")) and not (generated / "tmp").exists()
    assert len(list(generated.glob("toy_text-train-*-of-00004"))) == 4


def test_training_order_is_shuffled_across_shards(generated):
    order = _numbers(generated, "toy_text", "train")
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.05
    assert abs(np.corrcoef(order, range(300))[0, 1]) < 0.3


def test_text_is_what_was_read(generated):
    vocabulary = Vocabulary.load(generated)
    index = RecordIndex.load_or_build(generated, "toy_text", "dev")
    problem = ToyText()
    for number, record in enumerate(index.read(range(20))):
        raw, features = problem.example(number, np.random.default_rng([0, number])), decode_features(record)
        for side in ("inputs", "targets"):
            assert features[side][-1] == 1 and vocabulary.decode(features[side]) == raw[side]
    tree = decode_features(RecordIndex.load_or_build(generated, "toy_tree", "dev").read([2])[0])["targets"]
    assert vocabulary.decode_tokens(tree) == [Label("(S"), "three", Label(")S")]


def test_feature_names_are_those_of_tensor2tensor(generated):
    records = {name: decode_features(RecordIndex.load_or_build(generated, name, "dev").read([1])[0]) for name in _ALL}
    assert set(records["toy_text"]) == {"inputs", "targets", "meta/number"}
    assert set(records["toy_image"]) == {"image/encoded", "image/format", "image/class/label", "meta/number"}
    assert records["toy_image"]["image/format"] == [b"png"] and records["toy_image"]["image/class/label"].tolist() == [
        1
    ]
    assert records["toy_caption"]["image/format"] == [b"jpeg"] and records["toy_caption"]["image/class/label"][-1] == 1
    assert records["toy_caption"]["meta/name"] == ["é1".encode()]
    assert set(records["toy_speech"]) == {"waveforms", "targets", "meta/number"}
    assert records["toy_speech"]["waveforms"].dtype == np.float32 and len(records["toy_speech"]["waveforms"]) == 11


def test_parsing_features_agree_with_what_is_written(generated):
    for problem in (ToyText(), ToyTree(), ToyImage(), ToyCaption(), ToySpeech()):
        record = decode_features(RecordIndex.load_or_build(generated, problem.name, "dev").read([3])[0])
        for feature in parsing_features(problem).values():
            value = record[feature.name]
            assert (feature.kind == "bytes") == isinstance(value, list)
            assert feature.kind == "bytes" or value.dtype.kind == feature.kind[0]
            assert feature.sequence or len(value) == 1


def test_metadata_tell_what_is_there(generated):
    meta, vocabulary = Metadata.load(generated, "toy_text"), Vocabulary.load(generated)
    index = RecordIndex.load_or_build(generated, "toy_text", "train")
    stats = meta.splits["train"]
    assert meta.vocabulary == vocabulary.fingerprint and meta.seed == 0 and meta.options == {"train": 300, "bad": False}
    assert (stats.examples, stats.shards) == (300, 4) and stats.target_tokens == index.target_length.sum()
    assert stats.input_max == index.input_length.max()
    assert sum(stats.target_length_histogram.values()) == 300
    counted = Counter(int(i) for record in index.read(range(300)) for i in decode_features(record)["targets"])
    assert meta.target_histogram == dict(counted) and counted[1] == 300
    classes = Metadata.load(generated, "toy_image")
    assert classes.label_names == ["a", "b", "c"] and classes.vocabulary is None
    assert classes.target_histogram == {0: 100, 1: 100, 2: 100}


def test_same_bytes_for_any_number_of_workers(generated, tmp_path, monkeypatch):
    monkeypatch.setattr("t2t_multimodel.data.generation.workers.CHUNK_EXAMPLES", 37)
    _generate(tmp_path, _ALL, num_workers=2)
    assert _digests(tmp_path) == _digests(generated)


def test_seed_changes_the_order(tmp_path, generated):
    _generate(tmp_path, ["toy_image"], seed=1)
    assert _numbers(tmp_path, "toy_image", "train") != _numbers(generated, "toy_image", "train")


@pytest.mark.parametrize("moment", [("train", 5), ("train", 299), ("dev", 7), "shuffle", "second problem"])
def test_interrupted_run_continues_to_the_same_bytes(moment, generated, tmp_path, monkeypatch):
    problems = ["toy_caption", "toy_text"]
    _generate(tmp_path / "whole", problems)
    with monkeypatch.context() as patched:
        if moment == "shuffle":
            calls = []

            def interrupted(task):
                calls.append(task)
                if len(calls) == 3:
                    raise Interrupted
                return task()

            patched.setattr(split_writer, "run_task", interrupted)
        elif moment == "second problem":
            patched.setattr(ToyText, "examples", _failing_after_vocabulary())
        else:
            patched.setattr(ToyCaption, "explode", moment)
        with pytest.raises(Interrupted):
            _generate(tmp_path / "cut", problems)
    _generate(tmp_path / "cut", problems)
    assert _digests(tmp_path / "cut") == _digests(tmp_path / "whole")


def _failing_after_vocabulary():
    def examples(self, split, source):
        yield from ()
        raise Interrupted

    return examples


def test_encoding_continues_inside_a_split(tmp_path, monkeypatch):
    options = {"options": "bad=true", "num_workers": 1}
    _generate(tmp_path / "whole", ["toy_text"], **options)
    monkeypatch.setattr(split_writer, "_SAVE_SECONDS", -1.0)
    monkeypatch.setattr(workers, "CHUNK_EXAMPLES", 32)
    # The text is read once more for the vocabulary, which the cut run finds there.
    for name in ("vocab.model", "vocab.json"):
        (tmp_path / "cut").mkdir(exist_ok=True)
        (tmp_path / "cut" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    with monkeypatch.context() as patched:
        patched.setattr(ToyText, "explode", ("train", 250))
        with pytest.raises(Interrupted):
            _generate(tmp_path / "cut", ["toy_text"], **options)
    encoded = []
    encode = features.encode_examples

    def counting(name, inputs, targets, raws, vocabulary):
        encoded.extend(raw["meta/number"] for raw in raws)
        return encode(name, inputs, targets, raws, vocabulary)

    monkeypatch.setattr(features, "encode_examples", counting)
    _generate(tmp_path / "cut", ["toy_text"], **options)
    assert _digests(tmp_path / "cut") == _digests(tmp_path / "whole")
    assert encoded[0] > 200


_KILLED = """
import os, signal, sys
from t2t_multimodel.data.generation import engine, split_writer, workers
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.modalities import ClassLabelSpec, ImageSpec
from t2t_multimodel.registry import register_problem

split_writer._SAVE_SECONDS, workers.CHUNK_EXAMPLES = -1.0, 16


@register_problem("killed_image")
class KilledImage(Problem):
    inputs, targets, command = ImageSpec(), ClassLabelSpec(3), "to_class"

    def examples(self, split, source):
        for number in range({"train": 200, "dev": 9, "test": 0}[split]):
            if sys.argv[2] == "kill" and split == "train" and number == 150:
                os.kill(os.getpid(), signal.SIGKILL)
            yield {"inputs": number.to_bytes(50, "big"), "targets": number % 3}


engine.generate(["killed_image"], sys.argv[1], num_shards=3, num_workers=1)
"""


def test_a_killed_process_is_continued(tmp_path):
    def run(folder, mode):
        command = [sys.executable, "-c", _KILLED, str(tmp_path / folder), mode]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("whole", "run").returncode == 0
    assert run("cut", "kill").returncode == -signal.SIGKILL
    (state,) = tmp_path.glob("cut/tmp/*/*.state.json")
    stored = json.loads(state.read_text())
    assert stored["stats"]["examples"] == 144 and not stored["complete"]
    assert run("cut", "run").returncode == 0
    assert _digests(tmp_path / "cut") == _digests(tmp_path / "whole")


def test_finished_work_is_not_done_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(ToyImage, "explode", ("dev", 7))
        with pytest.raises(Interrupted):
            _generate(tmp_path, ["toy_image"])
    shards = {path: path.stat().st_mtime_ns for path in tmp_path.glob("toy_image-train-*-of-*")}
    assert len(shards) == 4
    monkeypatch.setattr(ToyImage, "explode", ("train", 0))
    _generate(tmp_path, ["toy_image"])
    assert shards == {path: path.stat().st_mtime_ns for path in shards}
    lines: list[str] = []
    _generate(tmp_path, ["toy_image"], report=lines.append)
    assert "nothing to do" in lines[0] and shards == {path: path.stat().st_mtime_ns for path in shards}


def test_only_what_must_be_written_waits_for_another_run(tmp_path):
    _generate(tmp_path, ["toy_text"])
    asked: list[str] = []

    def meanwhile(line):
        if "written" in line:
            _generate(tmp_path, ["toy_text"], report=asked.append)
            with pytest.raises(DataError, match="another t2t-datagen"):
                _generate(tmp_path, ["toy_tree"])

    _generate(tmp_path, ["toy_image"], report=meanwhile)
    assert "nothing to do" in asked[0]


def test_overwrite_and_other_settings(tmp_path):
    _generate(tmp_path, ["toy_text", "toy_image"])
    with pytest.raises(DataError, match=r"options.*300.*100.*--overwrite"):
        _generate(tmp_path, ["toy_text"], options="train=100")
    with pytest.raises(DataError, match="seed"):
        _generate(tmp_path, ["toy_text"], seed=3)
    _generate(tmp_path, ["toy_text"], options="train=100", num_shards=2, overwrite=True)
    assert sorted(_numbers(tmp_path, "toy_text", "train")) == list(range(100))
    assert len(_numbers(tmp_path, "toy_image", "train")) == 300


def test_problem_added_later_shares_the_vocabulary(tmp_path):
    _generate(tmp_path, ["toy_tree"])
    before = Vocabulary.load(tmp_path).fingerprint
    (meta,) = _generate(tmp_path, ["toy_text"])
    assert meta.vocabulary == before == Vocabulary.load(tmp_path).fingerprint
    with pytest.raises(VocabularyError, match="size 400, not 500"):
        _generate(tmp_path, ["toy_caption"], vocab_size=500)


def test_labels_the_vocabulary_lacks_are_an_error(tmp_path):
    _generate(tmp_path, ["toy_text"])
    with pytest.raises(VocabularyError, match=r"\(S.*extend"):
        _generate(tmp_path, ["toy_tree"])
    assert not (tmp_path / "toy_tree.json").exists()


def test_another_vocabulary_put_there_is_noticed(tmp_path):
    _generate(tmp_path, ["toy_text"])
    Vocabulary.load(tmp_path).extend(["zzz"]).save(tmp_path)
    with pytest.raises(DataError, match="another vocabulary"):
        _generate(tmp_path, ["toy_text"])


def test_bad_examples_are_counted_or_fatal(tmp_path):
    warnings: list[str] = []
    text, image = _generate(tmp_path, ["toy_text", "toy_image"], options="bad=true", warn=warnings.append)
    for meta in (text, image):
        assert meta.splits["train"].examples == 270 and meta.splits["train"].dropped == {"broken": 30}
    assert len(warnings) == 2 * 6, "three and their sum of train, two of dev, though text is read twice"
    assert "30 broken" in engine.summary([text])
    with pytest.raises(BadExampleError, match="train 3"):
        _generate(tmp_path / "strict", ["toy_image"], options="bad=true", strict=True)


def test_text_too_large_for_the_cache_is_read_twice(generated, tmp_path, monkeypatch):
    monkeypatch.setattr("t2t_multimodel.data.generation.shared_vocabulary._CACHE_BYTES", 5000)
    warnings: list[str] = []
    _generate(tmp_path / "a", _ALL)
    assert _digests(tmp_path / "a") == _digests(generated)
    _generate(tmp_path / "b", ["toy_text"], options="bad=1", warn=warnings.append)
    assert len(warnings) == 6


def test_wrong_use_is_one_clear_error(tmp_path):
    with pytest.raises(MultiModelError, match="train"):
        _generate(tmp_path, options="trian=5")
    with pytest.raises(MultiModelError, match="toy_text"):
        _generate(tmp_path, options="toy_txt.train=5")
    with pytest.raises(MultiModelError, match="no value"):
        _generate(tmp_path, options="train")
    with pytest.raises(MultiModelError, match="num_shards"):
        _generate(tmp_path, num_shards=0)
    with pytest.raises(DataError, match="no training examples"):
        _generate(tmp_path, ["toy_image"], options="train=0")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        _generate(tmp_path / "file" / "data")
    with pytest.raises(DataError, match="missing; run t2t-datagen"):
        Metadata.load(tmp_path, "toy_text")


def test_damaged_metadata_is_an_error(tmp_path):
    _generate(tmp_path, ["toy_image"])
    stored = json.loads((tmp_path / "toy_image.json").read_text())
    for text in ("{", "[]", json.dumps({**stored, "version": 9}), json.dumps({**stored, "splits": 3})):
        (tmp_path / "toy_image.json").write_text(text)
        with pytest.raises(DataError, match=r"toy_image\.json"):
            Metadata.load(tmp_path, "toy_image")


def test_values_that_do_not_fit_the_specs_are_named():
    vocabulary = Vocabulary.build(_WORDS * 5, size=300)
    for problem, raw in [
        (ToyText(), {"inputs": 3, "targets": "x"}),
        (ToyText(), {"inputs": "x"}),
        (ToyImage(), {"inputs": "x", "targets": 1}),
        (ToyImage(), {"inputs": b"x", "targets": 3}),
        (ToySpeech(), {"inputs": np.zeros((2, 2), np.float32), "targets": "x"}),
        (ToyText(), {"inputs": "x", "targets": "x", "meta/list": [1]}),
    ]:
        with pytest.raises(DataError, match=problem.name):
            encode_example(problem, raw, vocabulary)


def test_disk_space_is_checked_before_the_start(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "corpus").write_bytes(bytes(10_000))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(DataError, match="GB free"):
        _generate(tmp_path / "data", ["toy_image"], source_dir=tmp_path / "source")


def test_sources_are_listed(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "corpus").write_bytes(b"abc")
    (meta,) = _generate(tmp_path / "data", ["toy_image"], source_dir={"toy_image": tmp_path / "source"})
    assert meta.sources == [{"name": "corpus", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}]


def test_source_dir_forms():
    assert engine.parse_source_dir(None) is None
    assert engine.parse_source_dir("/a/b=c") == "/a/b=c"
    assert engine.parse_source_dir("toy_text=/a,toy_image=/b") == {"toy_text": "/a", "toy_image": "/b"}
    with pytest.raises(MultiModelError, match="mixes"):
        engine.parse_source_dir("toy_text=/a,/b")


def test_shuffle_with_little_memory_keeps_all_and_is_deterministic(tmp_path):
    payloads = [b"%d" % number * (1 + number % 20) for number in range(2000)]
    orders = []
    for attempt in range(2):
        scattered, shard = tmp_path / f"scattered{attempt}", tmp_path / f"shard{attempt}"
        scatterer = shuffle.Scatterer([scattered], 0)
        scatterer.add(frame(payloads), [(len(payload), number) for number, payload in enumerate(payloads)])
        scatterer.flush()
        table = shuffle.ShuffleTask(scattered, shard, (7, 0), memory=20_000)()
        data = shard.read_bytes()
        for offset, length, inputs, number in table.tolist():
            assert data[offset : offset + length] == payloads[number] and inputs == length
        orders.append(data)
    assert orders[0] == orders[1] != b"".join(frame(payloads))
    read = [payload for _, payload in scan(tmp_path / "shard1", pytest.fail)]
    assert sorted(read) == sorted(payloads)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["shard0", "shard1"]


def test_index_written_with_the_shards_is_that_of_reading_them(generated):
    for problem in _ALL:
        for split in ("train", "dev"):
            assert (generated / f"{problem}-{split}.index.npz").exists()
            written = RecordIndex.load_or_build(generated, problem, split)
            read = RecordIndex.build(written.paths, strict=True)
            for name in ("file", "offset", "length", "input_length", "target_length"):
                np.testing.assert_array_equal(getattr(written, name), getattr(read, name))
