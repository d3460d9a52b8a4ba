"""Examples that a training decodes at its evaluations, as TensorBoard gets them."""

import types

import numpy as np
import pytest
import tensorflow as tf

import t2t_multimodel
from t2t_multimodel.data.inspect.heat_map import heat_map
from t2t_multimodel.data.inspect.side import Side
from t2t_multimodel.modalities.audio.spec import wav_bytes
from t2t_multimodel.report.attention import Attention
from t2t_multimodel.report.problem_report import ShownExample
from t2t_multimodel.report.watch.examples import DecodedExamples
from t2t_multimodel.report.watch.hooks import watching_hooks
from t2t_multimodel.report.watch.summaries import as_markdown, draw_attention, write_example
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.trainer import train
from t2t_multimodel.training.watch.events import Events
from tests.event_files import summaries_of


def config(data_dir, output_dir, hparams, **changes):
    options = {"train_steps": 2, "eval_frequency": 1, "eval_steps": 1, "eval_examples": 1, **changes}
    return TrainConfig(
        problems=("mini_parsing",), hparams=hparams, data_dir=str(data_dir), output_dir=str(output_dir), **options
    )


@pytest.fixture(scope="module")
def watched_run(mini_data, small_hparams, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    asked = config(mini_data, folder, small_hparams)
    train(asked, hooks=watching_hooks(asked))
    return folder


def test_outputs_of_each_evaluation_are_those_that_the_checkpoint_gives(watched_run, mini_data):
    found = summaries_of(watched_run / "events")
    assert len(found["examples/mini_parsing/1"]) == len(found["attention/mini_parsing/1"]) == 2
    text = tf.make_ndarray(found["examples/mini_parsing/1"][-1].tensor).item().decode()
    given, shown = (part.strip() for part in text.split("**")[2:5:2])
    (output,) = t2t_multimodel.load(watched_run).generate("mini_parsing", [given.split("\n")[-1].strip()])
    example = ShownExample(0, 0.0, output.score, Side("", ""), output.text, ())
    assert as_markdown(example).split("**output**")[1].split("log-prob")[0].strip() == shown
    assert f"log-probability of the output {output.score:.3f}" in text


class StopAfter(Hook):
    def __init__(self, step):
        self._step = step

    def stepped(self, output):
        return output.step == self._step


@pytest.mark.slow
def test_a_watched_and_interrupted_training_ends_as_one_that_nobody_watched(mini_data, small_hparams, tmp_path):
    plain = config(mini_data, tmp_path / "plain", small_hparams, train_steps=3, eval_examples=0)
    asked = config(
        mini_data, tmp_path / "watched", small_hparams, train_steps=3, tracking=f"file:{tmp_path / 't'}", profile="2:3"
    )
    train(plain)
    train(asked, hooks=[*watching_hooks(asked), StopAfter(2)])
    train(asked, hooks=watching_hooks(asked))
    one, other = (tf.train.load_checkpoint(str(tmp_path / name / "ckpt-3")) for name in ("plain", "watched"))
    for name in one.get_variable_to_shape_map():
        if not name.startswith(("save_counter", "loop_state")):  # the loop's state has that of the hooks
            np.testing.assert_array_equal(one.get_tensor(name), other.get_tensor(name), err_msg=name)
    assert read_records(tmp_path / "plain") == read_records(tmp_path / "watched")


def test_a_problem_that_cannot_be_decoded_is_told_once(capsys, monkeypatch):
    task = types.SimpleNamespace(name="mini_parsing")
    workers = types.SimpleNamespace(chief=True)
    hook = DecodedExamples(1)
    hook.begin(types.SimpleNamespace(workers=workers, evaluated=[task]))  # lacks all that decoding needs
    hook.evaluated([])
    hook.evaluated([])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: examples of mini_parsing are not shown (") and "training goes on" in line


def test_picture_and_sound_of_an_input_are_written_where_asked_for(tmp_path):
    side = Side("1 s", "a sound", png=heat_map(np.eye(8)), wav=wav_bytes(np.zeros(160, np.float32), 16000))
    events = Events(str(tmp_path))
    for step, inputs in enumerate((True, False), start=1):
        with events.at(step):
            write_example("a/1", ShownExample(0, 0.0, 0.0, side, "out", ()), inputs=inputs)
    found = summaries_of(tmp_path)
    assert [value.metadata.plugin_data.plugin_name for value in found["input/a/1"]] == ["images", "audio"]
    assert len(found["examples/a/1"]) == 2


def test_trees_are_drawn_below_each_other():
    example = ShownExample(0, 0.0, -1.5, Side("2 ids", "a dog"), "(S (NP (DT a)", ("(S (NP (DT a) (NN dog)))",))
    output, reference = as_markdown(example).split("**output**")[1].split("**reference**")
    assert "(S (NP (DT a)" in output
    assert len(reference.split("log-")[0].strip().splitlines()) > 3 and "dog" in reference


def test_attention_over_an_image_is_a_small_map_an_id():
    weights = np.zeros([2, 6])
    weights[0, 0] = weights[1, 5] = 1.0
    picture = draw_attention(Attention(weights, ["one", "two"], None, (2, 3)))
    light = np.argwhere((picture[-24:, 8:] == [252, 250, 200]).all(axis=-1))  # below the names, right of the edge
    assert {tuple(place) for place in light // 12} == {(0, 0), (1, 6)}


def test_long_sources_are_pooled():
    attention = Attention(np.full([1, 1000], 1e-3), ["one"], None, None)
    assert draw_attention(attention).shape[1] < 80 * 12 + 100
