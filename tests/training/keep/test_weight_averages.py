"""Moving averages of weights in a training: their values, checkpoints, evaluations and use."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from t2t_multimodel import load
from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.metrics_log import format_table, read_records
from t2t_multimodel.runs.stored_weights import AVERAGES, StoredWeights
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.trainer import train
from tests.conftest import SMALL, TINY_HPARAMS

DECAY = 0.15  # the second step still has a smaller one, 2/11


@pytest.fixture
def config(mini_data, small_hparams, tmp_path):
    return TrainConfig(
        problems=("mini_parsing",),
        hparams=small_hparams.override("optimizer.learning_rate=0.1", optimizer__ema_decay=DECAY),
        data_dir=str(mini_data),
        output_dir=str(tmp_path / "run"),
        train_steps=3,
        eval_steps=1,
        save_steps=1,
    )


def stored(folder, step, part="model"):
    weights = StoredWeights(checkpoint_files.path_of(folder, step), part)
    return {name: weights.read(name) for name in weights.names}


def check_averages(folder, start, decay):
    """The averages of each checkpoint follow from those before and from the weights."""
    steps = checkpoint_files.steps(folder)
    averages = stored(folder, start, AVERAGES)
    assert averages
    for step in [step for step in steps if step > start]:
        rate, weights, found = 1 - min(decay, step / (9 + step)), stored(folder, step), stored(folder, step, AVERAGES)
        assert found.keys() == averages.keys() == weights.keys()
        for name, before in averages.items():
            averages[name] = before + rate * (weights[name].astype(np.float64) - before)
            np.testing.assert_allclose(found[name], averages[name], rtol=1e-5, atol=1e-6, err_msg=f"{name} {step}")
    assert any(np.abs(averages[name] - weights[name]).max() > 1e-4 for name in averages)


def test_averages_follow_survive_a_stop_and_are_evaluated_and_used(config, tmp_path):
    plain = dataclasses.replace(config, hparams=config.hparams.override("ema_decay=0"))
    plain = dataclasses.replace(plain, output_dir=str(tmp_path / "plain"))
    train(plain)
    for steps in (1, 3):
        records = train(dataclasses.replace(config, train_steps=steps))
    check_averages(config.output_dir, 1, DECAY)
    weights = stored(config.output_dir, 3)
    for name, value in stored(plain.output_dir, 3).items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)
    assert read_records(config.output_dir)[-1]["ema_loss"] == records[0]["ema_loss"] != records[0]["loss"]
    assert "ema_loss" in format_table(records)
    averaged = load(config.output_dir, checkpoint="ema")
    for name, value in stored(config.output_dir, 3, AVERAGES).items():
        np.testing.assert_array_equal(value, averaged.keras_model.named_variables()[name].numpy(), err_msg=name)
    (again,) = averaged.evaluate("mini_parsing", data_dir=config.data_dir, eval_steps=1, decode=False)
    assert again["loss"] == pytest.approx(records[0]["ema_loss"]) and again["weights"] == "ema"

    with pytest.raises(CheckpointError, match="has no averages"):
        load(plain.output_dir, checkpoint="ema")
    # A run that turns averages on later starts them from its weights; one that turns them off leaves them out.
    train(dataclasses.replace(config, output_dir=plain.output_dir, train_steps=4))
    before, after = stored(plain.output_dir, 3), stored(plain.output_dir, 4)
    for name, found in stored(plain.output_dir, 4, AVERAGES).items():
        expected = before[name] + (1 - DECAY) * (after[name] - before[name])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    train(dataclasses.replace(plain, train_steps=5))
    assert not stored(plain.output_dir, 5, AVERAGES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hparams", "flags"),
    [
        (f"{SMALL},compute.compile=xla,batching.bucket_growth=8", []),
        (f"{SMALL},optimizer.name=muon", ["--replicas=2", "--strategy=mirrored"]),
        ("optimizer.accumulate_steps=2", ["--strategy=mesh", "--mesh_shape=batch:1;experts:3"]),
    ],
    ids=["xla", "mirrored", "mesh"],
)
def test_averages_on_other_devices(mini_data, tmp_path, hparams, flags):
    command = [
        sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", "--problem=mini_parsing", f"--data_dir={mini_data}",
        f"--output_dir={tmp_path / 'run'}", "--hparams_set=multimodel_mini", "--eval_steps=1", "--train_steps=3",
        f"--hparams={TINY_HPARAMS},{hparams},optimizer.ema_decay={DECAY},optimizer.learning_rate=0.1",
        "--save_checkpoints_steps=1", *flags,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    check_averages(tmp_path / "run", 1, DECAY)
    assert "ema_loss" in read_records(tmp_path / "run")[0]
