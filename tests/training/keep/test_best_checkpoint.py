"""The best checkpoint, early stopping, and the names that checkpoints have."""

import dataclasses
import json
import signal

import pytest

from t2t_multimodel import load
from t2t_multimodel.errors import CheckpointError, TrainingError
from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.distribution.step_runner import StepRunner
from t2t_multimodel.training.evaluation import Evaluator
from t2t_multimodel.training.trainer import train

LOSSES = {1: 5.0, 2: 3.0, 3: 4.0, 4: 3.5, 5: 3.2, 6: 3.1, 7: 1.0}


@pytest.fixture
def losses(monkeypatch):
    """What the evaluation of each step finds, whose baseline's loss is 6; steps change nothing."""
    planned = dict(LOSSES)

    def evaluate(self, task, *, step, max_batches=None):
        loss = planned[step]
        numbers = {"examples": 1, "target_tokens": 1, "baseline_loss": 6.0, "baseline_accuracy": 0.1}
        scores = {"loss": loss, "token_accuracy": 1 / loss, "sequence_accuracy": 0.0}
        return {"step": step, "problem": task.name, "split": self.split, **numbers, **scores}

    step = dict.fromkeys(("loss", "targets", "token_accuracy", "mixture_loss", "gradient_norm", "learning_rate"), 1.0)
    monkeypatch.setattr(StepRunner, "__call__", lambda *_: ({**step, "skipped": 0.0}, []))
    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    return planned


@pytest.fixture
def config(parsing_config):
    return dataclasses.replace(parsing_config, train_steps=6, eval_frequency=1, save_steps=4, keep_checkpoints=1)


def best_of(config):
    with open(f"{config.output_dir}/best.json", encoding="utf-8") as file:
        return json.load(file)


def test_the_best_is_saved_at_once_kept_named_and_loaded(config, losses, capsys):
    train(config)
    assert checkpoint_files.steps(config.output_dir) == [2, 6]
    best = best_of(config)
    assert best == {"step": 2, "metric": "relative_loss", "value": 0.5, "values": {"mini_parsing": 0.5}}
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("best so far")]
    assert [line.split(",")[0] for line in lines] == [
        f"best so far: relative_loss {loss / 6:.4g} at step {step}" for step, loss in ((1, 5), (2, 3))
    ]
    assert [load(config.output_dir, checkpoint=name).step for name in ("best", "latest", None)] == [2, 6, 6]


def test_the_last_evaluation_counts_when_the_run_goes_on(config, losses):
    train(dataclasses.replace(config, train_steps=2))
    assert best_of(config)["step"] == 2
    losses[3] = 2.9
    train(dataclasses.replace(config, train_steps=3, eval_frequency=0))
    train(dataclasses.replace(config, train_steps=6))
    assert best_of(config)["step"] == 3 and 3 in checkpoint_files.steps(config.output_dir)


def kill_at(step):
    """An action that ends the process's work as SIGKILL would: nothing is saved after it."""

    def action(output):
        if output.step == step:
            raise MemoryError

    return action


@pytest.mark.parametrize("step", [2, 3])
def test_a_killed_run_keeps_the_same_best(config, losses, step, tmp_path):
    whole = dataclasses.replace(config, output_dir=str(tmp_path / "whole"))
    train(whole)
    with pytest.raises(MemoryError):
        train(config, actions=[kill_at(step)])
    train(config)
    assert best_of(config) == best_of(whole)
    assert read_records(config.output_dir) == read_records(whole.output_dir)
    assert checkpoint_files.steps(config.output_dir) == checkpoint_files.steps(whole.output_dir)


def test_a_signal_at_an_evaluation_loses_nothing(config, losses):
    patient = dataclasses.replace(config, early_stop_patience=3, train_steps=7)
    with pytest.raises(SystemExit):
        train(patient, actions=[lambda output: signal.raise_signal(signal.SIGTERM) if output.step == 3 else None])
    train(patient)
    assert best_of(config)["step"] == 2 and read_records(config.output_dir)[-1]["step"] == 5


def test_a_metric_that_rises_and_another_that_falls(config, losses):
    losses.update({3: 2.0, 6: 1.5})
    train(dataclasses.replace(config, best_metric="mini_parsing/token_accuracy"))
    assert best_of(config)["value"] == pytest.approx(1 / 1.5)
    assert best_of(config)["step"] == 6


def test_none_keeps_none_and_a_lost_best_is_told(config, losses, tmp_path):
    train(dataclasses.replace(config, best_metric="none"))
    assert checkpoint_files.steps(config.output_dir) == [6]
    with pytest.raises(CheckpointError, match=r"has no best\.json"):
        load(config.output_dir, checkpoint="best")
    (tmp_path / "run" / "best.json").write_text('{"step": 4, "metric": "loss", "value": 1, "values": {}}')
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*ckpt-4"):
        load(config.output_dir, checkpoint="best")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_metric": "mini_parsing/token_acuracy"}, "did you mean 'mini_parsing/token_accuracy'"),
        ({"best_metric": "mini_speech/loss"}, "PROBLEM/SCORE with a problem of mini_parsing"),
        ({"early_stop_patience": 2, "eval_frequency": 0}, "local_eval_frequency"),
        ({"early_stop_patience": 2, "best_metric": "none"}, "give best_metric as well"),
    ],
)
def test_what_cannot_be_followed_is_refused(config, changes, message):
    with pytest.raises(TrainingError, match=message):
        train(dataclasses.replace(config, **changes))


def test_training_stops_when_patience_ends_and_stays_so(config, losses, capsys):
    patient = dataclasses.replace(config, early_stop_patience=2)
    records = train(patient)
    assert records[0]["step"] == 4 and checkpoint_files.steps(config.output_dir) == [2, 4]
    said = "stopped early at step 4: relative_loss did not improve on 0.5 of step 2 in 2 evaluations"
    assert capsys.readouterr().err.count(said) == 1
    train(patient)  # the same command again
    assert read_records(config.output_dir)[-1]["step"] == 4 and capsys.readouterr().err.count(said) == 1
    train(dataclasses.replace(patient, early_stop_patience=4))
    assert read_records(config.output_dir)[-1]["step"] == 6
    assert "did not improve on 0.5 of step 2 in 4 evaluations" in capsys.readouterr().err


def test_a_small_improvement_is_none_and_a_killed_run_counts_on(config, losses):
    losses.update({3: 2.95, 4: 2.4})
    steep = dataclasses.replace(config, early_stop_patience=3, early_stop_min_delta=0.05, train_steps=7, save_steps=2)
    with pytest.raises(MemoryError):
        train(steep, actions=[kill_at(5)])
    train(steep)
    assert read_records(config.output_dir)[-1]["step"] == 7 and best_of(config)["step"] == 7
