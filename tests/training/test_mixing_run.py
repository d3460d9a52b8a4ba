"""Trainings whose mix depends on evaluations and baselines."""

import json
import shutil

import pytest

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.runs.checkpoint_files import steps
from t2t_multimodel.training.baseline import Baseline
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.trainer import make_trainer

PROBLEMS = ("mini_parsing", "mini_translate_ende")
# Nothing is learned, so that no evaluation is better than the first.
MIXING = "mixing.scheme=relative,overfit_patience=1,overfit_factor=0,learning_rate=0"


def config(data, folder, hparams, **changes):
    options = {"train_steps": 8, "eval_frequency": 2, "eval_steps": 1, "save_steps": 3, "seed": 2, **changes}
    return TrainConfig(problems=PROBLEMS, hparams=hparams, data_dir=str(data), output_dir=str(folder), **options)


@pytest.mark.parametrize("cut", ["killed", pytest.param("extended", marks=pytest.mark.slow)])
def test_a_run_with_a_mix_by_baselines_and_overfitting_goes_on_as_it_would_have(
    cut, mini_data, small_hparams, tmp_path, capfd
):
    hparams = small_hparams.override(MIXING)
    whole = make_trainer(config(mini_data, tmp_path / "whole", hparams))
    assert whole.mixer.probabilities() == pytest.approx([0.5, 0.5])
    whole.run()
    told = capfd.readouterr().err
    assert "mini_parsing overfits" in told and "mini_translate_ende overfits" in told
    assert "batches by problem, and the share wanted: mini_parsing " in told
    state = whole.mixer.state()
    assert all(values["dev_above"] == 3 and values["dev_step"] == 8 for values in state.values())
    assert state["mini_parsing"]["loss"] != state["mini_translate_ende"]["loss"]

    if cut == "killed":  # between an evaluation and the next save
        shutil.copytree(tmp_path / "whole", tmp_path / cut)
        for step in steps(tmp_path / cut)[1:]:
            for path in (tmp_path / cut).glob(f"ckpt-{step}.*"):
                path.unlink()
    else:  # ended, then asked to go on
        make_trainer(config(mini_data, tmp_path / cut, hparams, train_steps=4)).run()
    other = make_trainer(config(mini_data, tmp_path / cut, hparams))
    assert 0 < other.step < 8
    other.run()
    assert other.mixer.state() == state


def test_overfitting_needs_evaluations_while_training(mini_data, small_hparams, tmp_path):
    hparams = small_hparams.override(MIXING)
    with pytest.raises(HParamsError, match="--local_eval_frequency"):
        make_trainer(config(mini_data, tmp_path, hparams, eval_frequency=0))


def test_the_loss_of_a_baseline_on_its_training_targets():
    baseline = Baseline.from_histogram(json.loads('{"1": 5, "3": 14}'), 6)
    loss, _ = baseline.scores([1] * 5 + [3] * 14)
    assert baseline.training_loss() == pytest.approx(loss)
