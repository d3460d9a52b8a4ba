"""The average of checkpoints equals NumPy's, and every reader takes it."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.runs import checkpoint_files as files
from t2t_multimodel.runs.checkpoint import Checkpointer
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.metrics_log import append_records
from t2t_multimodel.runs.selection.average import average_checkpoint, average_checkpoints
from t2t_multimodel.runs.selection.best import Best, write_best
from t2t_multimodel.runs.selection.checkpoint_names import find_checkpoint
from t2t_multimodel.runs.stored_weights import StoredWeights

STEPS = (5, 10, 15, 20)
LOSSES = {5: 3.0, 10: 1.0, 15: 4.0, 20: 2.0}


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return {step: {"a/kernel.1": rng.normal(size=(3, 4)).astype(np.float32)} for step in STEPS}


@pytest.fixture
def run(tmp_path, values):
    """Four checkpoints with an optimizer's state, and their evaluations."""
    variables = {name: tf.Variable(value) for name, value in values[5].items()}
    checkpointer = Checkpointer(tmp_path, model=variables, optimizer={"first/a/kernel.1": tf.Variable(0.0)})
    for step in STEPS:
        for name, value in values[step].items():
            variables[name].assign(value)
        checkpointer.save(step, {"mixing": {}})
        record = {"step": step, "split": "dev", "baseline_loss": 5.0}
        losses = {"one": LOSSES[step], "other": 3.0}
        append_records(tmp_path, [{**record, "problem": name, "loss": loss} for name, loss in losses.items()])
    return tmp_path


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"n": 3}, [10, 15, 20]),
        ({"n": 9}, [5, 10, 15, 20]),
        ({"n": 2, "best": True}, [10, 20]),
        ({"n": 3, "best": True, "metric": "one/loss"}, [5, 10, 20]),
    ],
)
def test_the_average_is_that_of_numpy(run, values, options, steps):
    average = average_checkpoints(run, **options)
    assert average.steps == steps
    assert find_checkpoint(run, "average").path == average_checkpoint(run) == average.path
    stored = StoredWeights(average.path)
    for name in values[5]:
        expected = np.mean([values[step][name] for step in steps], axis=0, dtype=np.float64)
        np.testing.assert_allclose(stored.read(name), expected, rtol=1e-6)


def test_the_metric_of_the_best_is_that_of_the_average_and_a_later_one_replaces_it(run):
    write_best(run, Best(15, "other/loss", 3.0, {"other": 3.0}))
    assert average_checkpoints(run, 2, best=True).steps == [15, 20]  # all equal: the later
    assert average_checkpoints(run, 1, best=True, metric="one/loss").steps == [10]
    assert files.steps(run / "average") == [10] and files.steps(run) == [*STEPS]


def test_what_cannot_be_averaged_is_told(run, tmp_path_factory):
    with pytest.raises(CheckpointError, match="t2t-avg-all"):
        average_checkpoint(run)
    with pytest.raises(CheckpointError, match="SCORE of relative_loss, loss"):
        average_checkpoints(run, 2, best=True, metric="accuracy")
    with pytest.raises(CheckpointError, match="run t2t-trainer first"):
        average_checkpoints(tmp_path_factory.mktemp("empty"), 2)
    Checkpointer(run, model={"b": tf.Variable(1.0)}).save(25, {})
    with pytest.raises(CheckpointError, match="have other variables"):
        average_checkpoints(run, 2)


def test_the_command_and_a_run_that_is_loaded_from_it(mini_run):
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_avg_all", f"--output_dir={mini_run}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("ckpt-12: the mean of steps 12")
    average, latest = (load_run(mini_run, checkpoint=name) for name in ("average", "latest"))
    assert (average.weights, latest.weights) == ("average", "")
    for name, value in latest.model.named_variables().items():
        np.testing.assert_array_equal(value.numpy(), average.model.named_variables()[name].numpy())
