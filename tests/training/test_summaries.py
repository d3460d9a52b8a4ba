"""What TensorBoard is given of a training."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.plugins.hparams import plugin_data_pb2

from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.watch.events import Events
from t2t_multimodel.training.watch.intervals import Intervals
from t2t_multimodel.training.watch.summaries import Summaries
from tests.event_files import scalars, summaries_of

PROBLEMS = ("mini_image_class", "mini_parsing", "mini_speech")


@pytest.fixture(scope="module")
def run_summaries(mini_run):
    return summaries_of(mini_run / "events")


@pytest.mark.parametrize("kind", ["loss", "token_accuracy", "learning_rate", "gradient_norm", "skipped"])
def test_every_problem_that_was_trained_has_its_values(run_summaries, kind):
    trained = {tag.split("/")[1] for tag in run_summaries if tag.startswith(f"{kind}/")}
    assert trained and trained <= set(PROBLEMS)
    for problem in trained:
        assert np.isfinite(scalars(run_summaries[f"{kind}/{problem}"])).all()


@pytest.mark.parametrize("kind", ["wanted", "realised", "probability"])
def test_the_mix_that_came_about_stands_beside_the_wanted_one(run_summaries, kind):
    shares = [scalars(run_summaries[f"mix/{problem}/{kind}"])[-1] for problem in PROBLEMS]
    assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["load_encoder", "load_decoder", "importance_encoder", "importance_decoder"])
def test_experts_are_drawn_by_problem(run_summaries, name):
    width, height, picture = tf.make_ndarray(run_summaries[f"mixture_{name}"][0].tensor)[:3]
    image = np.asarray(Image.open(io.BytesIO(picture)))
    assert image.shape == (int(height), int(width), 3)
    rows = len({tag.split("/")[1] for tag in run_summaries if tag.startswith("loss/")} - {"mini_image_class"})
    assert image[:, -1].reshape(-1, 3).min(axis=1).tolist().count(255) == image.shape[0] - 18 * (
        rows + (name.endswith("encoder") and "loss/mini_image_class" in run_summaries)
    )


def test_hyperparameters_are_there(run_summaries):
    (value,) = run_summaries["_hparams_/session_start_info"]
    content = plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
    hparams = content.session_start_info.hparams
    assert hparams["body.depth"].number_value == 16 and hparams["seed"].number_value == 1
    assert content.session_start_info.group_name  # of this run alone: others may have the same values
    assert hparams["modalities.image_entry_filters"].string_value == "4:8:8:12"


def step_values(loss, load):
    return {
        "loss": loss, "targets": 4.0, "token_accuracy": 0.5, "learning_rate": 0.1, "gradient_norm": 2.0,
        "skipped": float(not np.isfinite(loss)), "mixture_loss": 0.0, "load_encoder": np.array(load),
    }  # fmt: skip


def test_means_leave_out_skipped_steps_and_loads_are_sums(tmp_path):
    mixer = ProblemMixer(
        ["a", "b"],
        {"a": 1, "b": 1},
        HParams().override(mixing__weights="a:1|b:3", mixing__scheme="weighted").mixing,
        seed=0,
    )
    summaries = Summaries(Events(str(tmp_path)), mixer)
    intervals = Intervals([summaries.interval], train_steps=9, start=0, seconds=1e9)
    for step, loss in enumerate((1.0, 3.0, float("nan")), start=1):
        intervals.add(step, [("a", step_values(loss, [1.0, 3.0]))])
    intervals.flush(3)
    found = summaries_of(tmp_path)
    assert scalars(found["loss/a"]) == [2.0] and scalars(found["skipped/a"]) == [1.0]
    assert scalars(found["mixture_load_max_encoder/a"]) == [1.5] and "dropped_by_experts/a" not in found
    assert scalars(found["mix/b/probability"]) == [0.75] and scalars(found["mix/a/realised"]) == [0.0]
