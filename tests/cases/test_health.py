"""Trainings whose values stop being finite: what was good stays, and one line says what to do."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import load
from t2t_multimodel.errors import CheckpointError, TrainingError
from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.metrics_log import append_records, read_records
from t2t_multimodel.training.trainer import TrainConfig, make_trainer, train
from tests.conftest import SMALL, TINY_HPARAMS


def config(data, folder, hparams, override="", **values):
    values = {"problems": ("mini_parsing",), "train_steps": 12 + 40, "eval_steps": 1, "save_steps": 1, **values}
    return TrainConfig(data_dir=str(data), output_dir=str(folder), hparams=hparams.override(override), **values)


@pytest.fixture
def good_run(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


def test_a_good_run_continued_at_1e30_stops_and_keeps_its_checkpoint(mini_data, good_run, small_hparams):
    """Saved at each step, kept two: good checkpoints would be gone soon."""
    wild = config(mini_data, good_run, small_hparams, "optimizer.learning_rate=1e30", keep_checkpoints=2)
    with pytest.raises(TrainingError) as stopped:
        train(wild)
    message = str(stopped.value)
    assert "10 steps in a row had a loss or gradient that is not finite" in message and "mini_parsing, batch" in message
    good = checkpoint_files.path_of(good_run, checkpoint_files.steps(good_run)[-1])
    assert f"the last good checkpoint is {good}; lower optimizer.learning_rate" in message
    assert load(good_run).step == checkpoint_files.steps(good_run)[-1] == 12
    tame = config(mini_data, good_run, small_hparams, train_steps=14)
    (record,) = train(tame)
    assert record["step"] == 14 and np.isfinite(record["loss"])


def test_a_run_that_ends_before_ten_bad_steps_is_judged_by_its_evaluation(mini_data, good_run, small_hparams, capsys):
    with pytest.raises(TrainingError, match=r"stopped at step 14: the loss of these weights is not finite, .*ckpt-12;"):
        train(config(mini_data, good_run, small_hparams, "optimizer.learning_rate=1e30", train_steps=14))
    assert "skipped" in capsys.readouterr().err
    assert load(good_run).step == 12
    for line in (good_run / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert read_records(good_run)[-1]["loss"] is None


def test_the_command_says_it_in_one_line(mini_data, tmp_path):
    command = [
        sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", "--problem=mini_parsing", f"--data_dir={mini_data}",
        f"--output_dir={tmp_path / 'run'}", "--hparams_set=multimodel_mini", "--train_steps=40", "--eval_steps=1",
        f"--hparams={TINY_HPARAMS},{SMALL},optimizer.learning_rate=1e30",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: training stopped at step") and "Traceback" not in done.stderr
    assert "none was saved; lower optimizer.learning_rate" in line


def test_single_bad_batches_are_skipped_and_counted(mini_data, small_hparams, tmp_path, capsys):
    """The loss weight of one step is not finite, as a damaged batch would make it."""
    trainer = make_trainer(config(mini_data, tmp_path, small_hparams, train_steps=6, save_steps=100))
    step, seen = trainer.train_step, []

    def poisoned(number):
        trainer.loss_weights["mini_parsing"] = float("nan") if number == 3 else 1.0
        return step(number)

    trainer._controller._train_step = poisoned
    (record,) = trainer.run([lambda output: seen.append(float(output.values["skipped"]))])
    assert seen == [0, 0, 0, 1, 0, 0] and np.isfinite(record["loss"])
    assert "not finite: 1 (mini_parsing 1)" in capsys.readouterr().err
    assert not trainer.checkpointer.not_finite()


def poison(run):
    """A newer checkpoint without a finite weight, as older versions wrote them."""
    reader = tf.train.load_checkpoint(str(run / "ckpt-12"))
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    key = next(name for name in values if name.startswith("model/") and "embedding" in name)
    names = list(values)
    tensors = [np.full_like(value, np.nan) if name == key else value for name, value in values.items()]
    tf.raw_ops.SaveV2(
        prefix=str(run / "ckpt-13"), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
    )


def test_weights_that_are_not_finite_are_refused_by_whoever_loads_them(
    mini_data, good_run, small_hparams, capsys, tmp_path
):
    poison(good_run)
    with pytest.raises(CheckpointError, match="ckpt-13 has weights that are not finite"):
        load(good_run, checkpoint=good_run / "ckpt-13")
    assert load(good_run).step == 12
    assert "ckpt-13 has weights that are not finite" in capsys.readouterr().err
    for index in good_run.glob("ckpt-12.*"):
        index.unlink()
    with pytest.raises(CheckpointError, match=r"not finite.* no older checkpoint is whole"):
        load(good_run)
    tuned = config(mini_data, tmp_path / "tuned", small_hparams, warm_start_from=str(good_run / "ckpt-13"))
    with pytest.raises(CheckpointError, match=r"not finite.*; give an older checkpoint"):
        make_trainer(tuned)


def test_metrics_stay_json_and_a_cut_line_swallows_none(tmp_path):
    append_records(tmp_path, [{"step": 1, "loss": float("nan"), "more": {"x": float("inf"), "y": [1.0, float("nan")]}}])
    with open(tmp_path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 2, "lo')
    append_records(tmp_path, [{"step": 2, "loss": 0.5}])
    assert read_records(tmp_path) == [
        {"step": 1, "loss": None, "more": {"x": None, "y": [1.0, None]}}, {"step": 2, "loss": 0.5},
    ]  # fmt: skip
