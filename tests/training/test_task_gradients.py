import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.tasks.measure import TaskMeasure
from t2t_multimodel.training.trainer import make_trainer, train

PAIR = ("mini_parsing", "mini_translate_ende")
FILE = "task_gradients.jsonl"


def config(data, folder, hparams, problems=PAIR, **changes):
    options = {"train_steps": 4, "eval_steps": 1, "seed": 3, **changes}
    return TrainConfig(problems=problems, hparams=hparams, data_dir=str(data), output_dir=str(folder), **options)


def state(folder):
    reader = tf.train.load_checkpoint(str(folder / "ckpt-4"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "save_counter" not in name}


def test_measuring_changes_no_bit_of_the_run(mini_data, small_hparams, tmp_path):
    hparams = small_hparams.override("dropout=0.1")
    train(config(mini_data, tmp_path / "plain", hparams))
    train(config(mini_data, tmp_path / "measured", hparams, task_gradients=2))
    plain, measured = state(tmp_path / "plain"), state(tmp_path / "measured")
    assert plain.keys() == measured.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(measured[name], value, err_msg=name)
    records = read_records(tmp_path / "measured", FILE)
    assert [record["step"] for record in records] == [2, 4]
    assert records[0]["problems"] == list(PAIR) and records[0]["cosine"] != records[1]["cosine"]
    assert not (tmp_path / "plain" / FILE).exists()


def test_cosines_and_effects_agree_with_one_another(mini_data, small_hparams, tmp_path):
    hparams = small_hparams.override("dropout=0,label_smoothing=0")
    trainer = make_trainer(config(mini_data, tmp_path, hparams))
    batches = {name: next(source.train()) for name, source in trainer.inputs.items()}
    record = TaskMeasure(trainer.model, trainer.tasks.values(), batches, seed=0)()
    for part in ("all", "encoder", "mixer", "decoder"):
        cosine = np.array(record["cosine"][part])
        assert np.diag(cosine) == pytest.approx(1, abs=1e-5) and cosine == pytest.approx(cosine.T)
        assert (np.abs(cosine) <= 1 + 1e-5).all()
    # Both reach the same variables, so that a small step changes the losses by what the products foretell.
    slopes = np.array(record["cosine"]["all"]) * np.array(record["gradient_norm"]) / np.array(record["loss"])
    np.testing.assert_allclose(record["effect"], record["step_norm"] * slopes, rtol=0.2, atol=1e-4)


@pytest.mark.slow
def test_problems_that_share_a_part_alone(mini_data, small_hparams, tmp_path):
    train(config(mini_data, tmp_path, small_hparams, (*PAIR, "mini_image_class"), train_steps=1, task_gradients=1))
    (record,) = read_records(tmp_path, FILE)
    cosine = record["cosine"]
    assert cosine["decoder"][0][2] is None and cosine["encoder"][0][2] is not None
    assert cosine["decoder"][2][2] is None and cosine["decoder"][0][1] is not None
    assert np.array(record["effect"]).shape == (3, 3)
    tags = set()
    for path in (tmp_path / "events").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert {"task_cosine_all/mini_parsing/mini_image_class", "task_effect/mini_image_class/mini_parsing"} <= tags


def test_one_problem_has_none_to_be_compared_with(mini_data, small_hparams, tmp_path):
    with pytest.raises(TrainingError, match="there is one; give several"):
        train(config(mini_data, tmp_path, small_hparams, PAIR[:1], task_gradients=1))
