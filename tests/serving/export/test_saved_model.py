"""The exported model answers as the model does, in the folders that TensorFlow Serving reads."""

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import ExportError, MultiModelError
from tests.serving.export.conftest import MAX_INPUT_LENGTH, SEARCH
from tests.serving.export.exported_case import beams, check_equal, feeds, raw_inputs


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported)).signatures


@pytest.fixture(scope="module")
def labels(mini_run):
    return Vocabulary.load(mini_run).labels


def ask(signatures, name, values):
    given = feeds(name.replace("serving_default", "mini_image_class"), values)
    outputs = signatures[name](**{key: tf.constant(value) for key, value in given.items()})
    return {name: value.numpy() for name, value in outputs.items()}


@pytest.mark.parametrize("name", ["mini_image_class", "mini_parsing", "mini_speech"])
def test_it_answers_as_the_model_does(small_model, signatures, labels, name):
    values = raw_inputs(name, 12)
    wanted = small_model.generate(name, values, **SEARCH)
    check_equal(beams(ask(signatures, name, values), name, values, labels), wanted)
    check_equal(beams(ask(signatures, name, values[3:4]), name, values[3:4], labels), wanted[3:4])


def test_the_first_problem_is_the_default(signatures):
    assert set(signatures) == {"mini_image_class", "mini_parsing", "mini_speech", "serving_default"}
    values = raw_inputs("mini_image_class", 2)
    one, other = (ask(signatures, name, values) for name in ("mini_image_class", "serving_default"))
    np.testing.assert_array_equal(one["text"], other["text"])
    assert one["text"].shape == one["probability"].shape == (2, 5)


def test_texts_of_several_lengths(small_model, signatures, labels):
    """Outputs of 7 to 30 ids, which two caches serve; and words with any blanks between them."""
    name, values = "mini_parsing", ["a", "a small red circle", "a\t\u3000 b  \u2581", "a b " * 5]
    for batch in [*([value] for value in values), values]:
        wanted = small_model.generate(name, batch, **SEARCH)
        check_equal(beams(ask(signatures, name, batch), name, batch, labels), wanted)


def test_audio_is_cut_and_clipped_as_in_decoding(small_model, signatures):
    ((samples, rate),) = raw_inputs("mini_speech", 1)
    longest = int(small_model.keras_model.hparams.modalities.audio_max_seconds * rate)
    long = np.resize(samples, longest + 999) * 30
    values = [(np.float32(long), rate), (samples, rate)]
    wanted = small_model.generate("mini_speech", values, **SEARCH)
    assert wanted[0].warning
    check_equal(beams(ask(signatures, "mini_speech", values), "mini_speech", values), wanted)


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("mini_parsing", {"text": [b"a", b" \t\xe3\x80\x80"]}, "empty"),
        ("mini_parsing", {"text": [b"a\xff"]}, "not UTF-8"),
        ("mini_parsing", {"text": [b"x y z " * 9]}, f"more than {MAX_INPUT_LENGTH} ids; give it in parts"),
        ("mini_image_class", {"image": [b"no image"]}, "image"),
        ("mini_speech", {"waveform": [[0.1, np.nan]], "length": [2]}, "not numbers"),
        ("mini_speech", {"waveform": [[0.1, 0.2]], "length": [3]}, "length"),
        ("mini_speech", {"waveform": [[0.1, 0.2]], "length": [0]}, "length"),
    ],
)
def test_bad_inputs_are_refused(signatures, name, inputs, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})


def test_the_folder_is_as_tensorflow_serving_reads_it(exported, small_model):
    assert [path.name for path in exported.parent.iterdir()] == [exported.name] == [str(small_model.step)]
    assert (exported / "saved_model.pb").is_file() and exported.stat().st_mode & 0o055 == 0o055
    said = json.loads((exported / "export.json").read_text(encoding="utf-8"))
    assert said["step"] == small_model.step and said["versions"]["tensorflow"] == tf.__version__
    assert said["decode_hparams"]["beam_size"] == 2 and said["decode_hparams"]["return_beams"]
    parsing = said["problems"]["mini_parsing"]
    assert parsing["inputs"] == {"text": {"type": "string", "shape": [None], "meaning": "UTF-8"}}
    assert parsing["outputs"]["score"]["shape"] == [None, 2] and "tokens" in parsing["outputs"]["text"]["meaning"]
    assert "8000 a second" in said["problems"]["mini_speech"]["inputs"]["waveform"]["meaning"]


def test_a_version_is_never_overwritten(exported, small_model):
    before = sorted(path.stat().st_mtime_ns for path in exported.rglob("*"))
    with pytest.raises(ExportError, match=r"is there already; remove it"):
        small_model.export(exported.parent)
    assert before == sorted(path.stat().st_mtime_ns for path in exported.rglob("*"))


def test_a_failed_export_leaves_nothing(small_model, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="No space"):
        small_model.export(tmp_path / "out", ["mini_image_class"])
    assert list((tmp_path / "out").iterdir()) == []


def test_what_has_no_form_in_a_graph_is_said_before_the_work(small_model, tmp_path):
    for given, words in (
        ({"sampling_method": "random"}, "sampling_method=random"),
        ({"compile": "xla"}, "compile=xla"),
        ({"max_input_length": 0}, "max_input_length=0"),
        ({"beam_size": 1000, "problems": ["mini_parsing"]}, "too wide"),
        ({"beam": 2}, "beam"),
        ({"problems": ["mini_captoin"]}, "mini_caption"),
        ({"problems": []}, "no problem"),
    ):
        with pytest.raises(MultiModelError, match=words):
            small_model.export(tmp_path, **given)
    with pytest.raises(ExportError, match="no local folder; export to one"):
        small_model.export("gs://bucket/model")
    assert list(tmp_path.iterdir()) == []


def prediction_log():
    """The message type of TensorFlow Serving's `prediction_log.proto` and those inside it, as far as they are used."""
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", package="log", syntax="proto3")
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    tensor = ".tensorflow.TensorProto"
    for name, fields in {
        "ModelSpec": [("name", 1, None, False), ("signature_name", 3, None, False)],
        "InputsEntry": [("key", 1, None, False), ("value", 2, tensor, False)],
        "PredictRequest": [("model_spec", 1, ".log.ModelSpec", False), ("inputs", 2, ".log.InputsEntry", True)],
        "PredictLog": [("request", 1, ".log.PredictRequest", False)],
        "PredictionLog": [("predict_log", 6, ".log.PredictLog", False)],
    }.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            made = message.field.add(name=field, number=number, label=3 if repeated else 1, type=11 if kind else 9)
            if kind:
                made.type_name = kind
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("log.PredictionLog"))


def test_warmup_requests_are_answered(exported, signatures):
    kind, asked = prediction_log(), []
    for record in tf.data.TFRecordDataset(str(exported / "assets.extra/tf_serving_warmup_requests")):
        request = kind.FromString(record.numpy()).predict_log.request
        inputs = {entry.key: tf.make_ndarray(entry.value) for entry in request.inputs}
        outputs = signatures[request.model_spec.signature_name](**{k: tf.constant(v) for k, v in inputs.items()})
        assert outputs["text"].shape[0] == 1
        asked.append(request.model_spec.signature_name)
    assert sorted(asked) == ["mini_image_class", "mini_parsing", "mini_speech"]
