"""Tests of what t2t-inspect shows."""

import dataclasses
import io
import json
import re
import wave

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.data.inspect import examples as inspect_examples
from t2t_multimodel.data.inspect import lengths as inspect_lengths
from t2t_multimodel.data.inspect import page as inspect_page
from t2t_multimodel.data.inspect import report as inspect_report
from t2t_multimodel.data.inspect.side import SideContext
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.records.example_proto import serialize
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.records.tfrecord import frame
from t2t_multimodel.data.vocabulary.vocabulary import Label, Vocabulary
from t2t_multimodel.errors import DataError, MultiModelError, VocabularyError
from t2t_multimodel.modalities import AudioSpec, SymbolSpec


@pytest.fixture
def look(mini_data, tiny_hparams):
    def inspect(name, split="train", **kwargs):
        problem = registry.problem(name)
        return inspect_report.inspect_split(
            problem, mini_data, split, hparams=tiny_hparams, hparams_name="tiny", **kwargs
        )

    return inspect


def index_of(inputs, targets) -> RecordIndex:
    zeros = np.zeros(len(inputs), np.int64)
    lengths = {"input_length": np.array(inputs), "target_length": np.array(targets)}
    return RecordIndex([], {"file": zeros, "offset": zeros, "length": zeros, **lengths})


def test_histogram_of_integers_counts_every_length_once():
    bins = inspect_lengths.histogram(np.array([1, 1, 2, 19, 23]), bins=5)
    assert [(entry.low, entry.high, entry.count) for entry in bins] == [
        (0, 5, 3),
        (5, 10, 0),
        (10, 15, 0),
        (15, 20, 1),
        (20, 25, 1),
    ]
    assert [entry.count for entry in inspect_lengths.histogram(np.array([7, 7]))] == [2]
    assert inspect_lengths.histogram(np.array([], np.int64)) == []


def test_histogram_of_seconds_has_round_bounds():
    seconds = np.random.default_rng(0).uniform(0.31, 2.9, 1000)
    bins = inspect_lengths.histogram(seconds)
    assert sum(entry.count for entry in bins) == 1000
    for entry in bins:
        assert entry.count == np.sum((seconds >= entry.low) & (seconds < entry.high))
        assert entry.high - entry.low == pytest.approx(0.5)


def test_padding_and_buckets_by_hand(tiny_hparams):
    problem = registry.problem("translate_ende")
    hparams = tiny_hparams.override("min_bucket=8,bucket_growth=2,batch_tokens=64,max_length=16")
    index = index_of([4, 4, 8, 9, 40], [2, 8, 8, 16, 3])
    rows, left_out = inspect_lengths.bucket_table(problem, index, hparams, training=True)
    assert left_out == 1
    small, large, whole = rows
    assert (small.bound, small.examples, small.batches) == (8, 3, 1)
    assert small.input_padding == pytest.approx(1 - 16 / 24)
    assert small.target_padding == pytest.approx(1 - 18 / 24)
    assert (large.bound, large.examples, large.input_padding) == (16, 1, 0)
    assert (whole.bound, whole.examples, whole.batches) == (None, 4, 2)
    assert whole.input_padding == pytest.approx(1 - 25 / 33)
    assert inspect_lengths.bucket_table(problem, index, hparams, training=False)[1] == 0


def test_audio_longer_than_hparams_allow_is_left_out_of_training(tiny_hparams):
    problem = registry.problem("speech_tsv")
    hparams = tiny_hparams.override("audio_max_seconds=2,audio_batch_seconds=60")
    index = index_of([32000, 64000, 32000], [3, 6, 6])
    (bucket, _), left_out = inspect_lengths.bucket_table(problem, index, hparams, training=True)
    assert inspect_lengths.bound_text(bucket, problem.inputs) == "<= 2.00 s"
    assert left_out == 1 and bucket.input_padding == 0 and bucket.target_padding == pytest.approx(0.25)
    *buckets, _ = inspect_lengths.bucket_table(problem, index, hparams, training=False)[0]
    assert sum(bucket.examples for bucket in buckets) == 3


def test_trees_are_drawn_over_the_words_of_the_input():
    vocabulary = Vocabulary.build(["the cat sleeps"] * 9, ["S", "/S", "NP", "/NP", "DT", "NN", "V"], size=300)
    labels = [Label(label) for label in ["S", "NP", "DT", "NN", "/NP", "V", "/S"]]
    context = SideContext(vocabulary, None, None, "the cat sleeps")
    side = SymbolSpec().show([*vocabulary.encode_mixed(labels), 1], context)
    assert side.drawing.splitlines() == ["S", "  NP", "    DT the", "    NN cat", "  V sleeps"]
    assert side.size == "8 ids"
    broken = SymbolSpec().show(vocabulary.encode_mixed(labels[:-1]), context)
    assert broken.size == "6 ids, repairs: 1" and broken.drawing == side.drawing


def test_text_is_shown_side_by_side(look, mini_data):
    inspection = look("mini_translate_ende", examples=3)
    text = inspect_report.render(inspection, width=200)
    for example in inspection.examples:
        assert re.search(f"{re.escape(example.inputs.text)} +\\| {re.escape(example.targets.text)}", text)
    ids = int(inspection.examples[0].inputs.size.split()[0])
    assert len(Vocabulary.load(mini_data).encode(inspection.examples[0].inputs.text)) + 1 == ids
    assert "120 examples in the shards" in text and "seed 1, 2 training shards" in text
    assert sum(entry.count for entry in inspection.histograms["input length in ids"]) == 120
    narrow = inspect_report.render(inspection, width=50)
    assert all(len(line) <= 50 for line in narrow[narrow.index("--- example") :].splitlines())


def test_mini_trees_need_no_repair(look):
    for example in look("mini_parsing", "dev", examples=24).examples:
        drawn = [line.split() for line in example.targets.drawing.splitlines()]
        assert [words[1] for words in drawn if len(words) == 2] == example.inputs.text.split()
        assert "repairs" not in example.targets.size


def test_pictures_and_classes(look, tmp_path):
    inspection = look("mini_image_class", "dev", examples=2, start=3)
    first, second = inspection.examples
    assert (first.row, second.row) == (3, 4)
    label, name = first.targets.text.split(" ", 1)
    assert name in first.meta["text"] and label.isdigit()
    assert sum(count for _, count in inspection.classes) <= 120
    written = inspect_page.save_media([inspection], tmp_path / "media")
    assert [path.name for path in written] == [f"mini_image_class-dev-0000{row}.png" for row in (3, 4)]
    with Image.open(written[0]) as image:
        assert image.format == "PNG" and f"{image.width} x {image.height} pixels" == first.inputs.size


def test_spectrogram_and_sound(look, tiny_hparams, tmp_path):
    (example,) = look("mini_speech", examples=1).examples
    with wave.open(io.BytesIO(example.inputs.wav)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert example.inputs.size == f"{seconds:.2f} s"
    bands, hop = tiny_hparams.modalities.audio_bands, tiny_hparams.modalities.audio_hop_ms
    with Image.open(io.BytesIO(example.inputs.png)) as image:
        assert image.height % bands == 0 and abs(image.width - 1000 * seconds / hop) <= 3
        assert np.asarray(image).std() > 10


def test_a_low_tone_is_bright_at_the_bottom(tiny_hparams):
    tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 8000).astype(np.float32)
    rising = np.concatenate([tone * 0.001, tone])
    side = AudioSpec(8000).show(rising, SideContext(None, None, tiny_hparams.modalities))
    pixels = np.asarray(Image.open(io.BytesIO(side.png))).sum(-1).astype(float)
    contrast = np.abs(np.diff(pixels[:, [10, -10]])).ravel()
    assert contrast[-len(contrast) // 4 :].mean() > 100


def test_page_stands_alone_and_escapes(look, tmp_path):
    inspections = [look(name, examples=2) for name in ("mini_speech", "mini_caption", "mini_parsing")]
    side = dataclasses.replace(inspections[1].examples[0].targets, text="<script>x</script> & \ud800")
    example = dataclasses.replace(inspections[1].examples[0], targets=side)
    inspections[1] = dataclasses.replace(inspections[1], examples=[example])
    inspect_page.save_page(inspections, tmp_path / "new" / "page.html")
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "&lt;script&gt;x" in page
    assert "http" not in page and set(re.findall(r"src='(\w+):", page)) == {"data"}
    assert page.count("<img") == 3 and page.count("<audio") == 2 and page.count("<pre>") == 2


def test_controls_do_not_reach_the_terminal():
    assert inspect_report.printable("a\x1b[2Jb\nc ü\ud800") == "a\\x1b[2Jb\\nc ü\\ud800"


def test_shards_without_metadata_are_shown(tmp_path, tiny_hparams):
    data = [serialize({"image/encoded": b"no picture", "image/class/label": [3]})]
    (tmp_path / "image_cifar10-train-00000-of-00001").write_bytes(b"".join(frame(data)))
    inspection = inspect_report.inspect_split(
        registry.problem("image_cifar10"), tmp_path, "train", hparams=tiny_hparams, hparams_name="tiny"
    )
    text = inspect_report.render(inspection)
    assert "no metadata" in text and "damaged image" in text and inspection.examples[0].targets.text == "3"


def test_what_cannot_be_shown_is_one_error(look, mini_data, tiny_hparams, tmp_path):
    with pytest.raises(MultiModelError, match="beyond the 24 examples"):
        look("mini_parsing", "dev", start=24)
    with pytest.raises(DataError, match="run t2t-datagen"):
        look("wsj_parsing")
    for path in mini_data.glob("*mini_parsing*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    Vocabulary.build(["an other text"] * 9, ["S"], size=300, folder=tmp_path)
    with pytest.raises(VocabularyError, match="another vocabulary"):
        inspect_examples.ExampleReader(registry.problem("mini_parsing"), tmp_path, "train", tiny_hparams.modalities)


def test_left_out_examples_are_listed_with_their_reasons(look, mini_data):
    inspection = look("mini_parsing", examples=0)
    stored = json.loads((mini_data / "mini_parsing.json").read_text())
    assert stored["problem"] == "mini_parsing" and isinstance(inspection.metadata, Metadata)
    inspection.metadata.splits["train"].dropped["longer than max_length"] = 7
    assert "train: 7 left out: longer than max_length" in inspect_report.facts(inspection)
