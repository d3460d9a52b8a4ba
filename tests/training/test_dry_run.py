"""Dry runs in processes of their own, and what a training makes of them."""

import pytest

from t2t_multimodel.errors import HParamsError, TrainingError
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.cost import dry_run, fit
from t2t_multimodel.training.trainer import make_trainer, train

KILLED = "import os, signal, sys\nsys.stdin.readline()\nos.kill(os.getpid(), signal.SIGKILL)\n"
FAILS = "import sys\nsys.stdin.readline()\nsys.exit('the disk is full')\n"


def config(data, folder, hparams, **changes):
    options = {"problems": ("mini_parsing",), "train_steps": 1, "eval_steps": 1, "seed": 1, **changes}
    return TrainConfig(hparams=hparams, data_dir=str(data), output_dir=str(folder), **options)


@pytest.mark.parametrize(
    ("program", "words"),
    [(KILLED, "ended by the system for want of memory .* batching.image_batch"), (FAILS, "the disk is full")],
)
def test_a_process_that_ends_is_no_silence(program, words, mini_data, small_hparams, tmp_path, monkeypatch):
    (tmp_path / "stands_for_the_dry_run.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(dry_run, "_MODULE", "stands_for_the_dry_run")
    with pytest.raises(TrainingError, match=words):
        train(config(mini_data, tmp_path / "run", small_hparams, dry_run="only"))
    assert not (tmp_path / "run").exists()


def test_a_model_that_does_not_fit_is_not_built(mini_data, small_hparams, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "usable_bytes", lambda: 10_000)
    with pytest.raises(TrainingError, match=r"moments and gradients of this model take .* give a smaller"):
        make_trainer(config(mini_data, tmp_path, small_hparams))


def test_what_no_dry_run_can_do_is_refused(mini_data, small_hparams, tmp_path):
    with pytest.raises(HParamsError, match="--strategy=tpu"):
        train(config(mini_data, tmp_path, small_hparams, dry_run="before", strategy="tpu"))
    with pytest.raises(HParamsError, match="give one of off, before, only"):
        train(config(mini_data, tmp_path, small_hparams, dry_run="yes"))
    with pytest.raises(HParamsError, match="give a number here"):
        make_trainer(config(mini_data, tmp_path, small_hparams.override("batch_tokens=0")))


def test_what_is_frozen_needs_no_moments(mini_data, small_hparams, tmp_path, monkeypatch):
    needed = {}
    for patterns in ("", "encoder/*|decoder/*|mixer/*"):
        hparams = small_hparams.override(optimizer__freeze=patterns)
        monkeypatch.setattr(fit, "usable_bytes", lambda: 0)
        with pytest.raises(TrainingError) as caught:
            make_trainer(config(mini_data, tmp_path, hparams))
        needed[patterns] = float(str(caught.value).partition("take ")[2].partition(" ")[0])
    assert min(needed.values()) < max(needed.values()) == needed[""]


@pytest.mark.slow
def test_a_dry_run_says_what_is_needed_and_what_would_do(mini_data, small_hparams, tmp_path, monkeypatch, capfd):
    asked = config(mini_data, tmp_path / "run", small_hparams, dry_run="only", problems=("mini_parsing", "mini_speech"))
    assert train(asked) == []
    told = capfd.readouterr().err
    assert "dry run: " in told and "at the most, with mini_" in told and not (tmp_path / "run").exists()
    monkeypatch.setattr(fit, "usable_bytes", lambda: 100_000_000)
    with pytest.raises(
        TrainingError, match=r"a step needs .* lower batching\.(batch_tokens|audio_batch_seconds) \(now"
    ):
        train(asked)


@pytest.mark.slow
def test_the_largest_batches_are_found_once_for_a_run(mini_data, small_hparams, tmp_path, capfd):
    wish = small_hparams.override("batch_tokens=0")
    train(config(mini_data, tmp_path, wish))
    told = capfd.readouterr().err
    found = Manifest.load(tmp_path).hparams.batching.batch_tokens
    assert found >= 256 and f"batching.batch_tokens={found} was found" in told
    train(config(mini_data, tmp_path, wish, train_steps=2))
    told = capfd.readouterr().err
    assert f"batching.batch_tokens={found}, as the run in" in told and "was found" not in told
    assert Manifest.load(tmp_path).hparams.batching.batch_tokens == found
