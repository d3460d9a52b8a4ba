"""A run folder to give away: rounded weights in the place of checkpoints."""

import shutil

import numpy as np
import pytest

from t2t_multimodel import load
from t2t_multimodel.errors import CheckpointError, TrainingError
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.rounded_weights import FILE, restore_rounded_weights, save_rounded_weights
from t2t_multimodel.training.trainer import TrainConfig, make_trainer
from tests.conftest import MINI_PROBLEMS


@pytest.fixture(scope="module")
def run(mini_run):
    return load_run(mini_run)


@pytest.fixture
def given(mini_run, run, tmp_path):
    """A copy of the run, its checkpoints replaced by rounded weights."""
    names = ("model.json", "label_names.json", "vocab.json", "vocab.model")
    for name in names:
        shutil.copy(mini_run / name, tmp_path)
    save_rounded_weights(tmp_path, run.model.named_variables(), run.step)
    return tmp_path


def test_a_folder_with_rounded_weights_is_a_run(given, run):
    found = load_run(given)
    assert found.step == run.step == 12
    for name, variable in run.model.named_variables().items():
        rounded = found.model.named_variables()[name].numpy()
        np.testing.assert_array_equal(rounded, variable.numpy().astype(np.float16), err_msg=name)
    sizes = (given / FILE).stat().st_size, 2 * sum(v.numpy().size for v in run.model.named_variables().values())
    assert sizes[0] < 1.2 * sizes[1] + 200 * len(run.model.named_variables())


def test_an_evaluation_leaves_the_folder_as_it_is(given, mini_data):
    before = sorted(path.name for path in given.iterdir())
    how = {"data_dir": mini_data, "eval_steps": 1, "decode": False, "log_dir": given}
    (record,) = load(given).evaluate("mini_parsing", **how)
    assert record["step"] == 12 and sorted(path.name for path in given.iterdir()) == before


def test_equal_weights_give_equal_bytes(given, run):
    before = (given / FILE).read_bytes()
    save_rounded_weights(given, run.model.named_variables(), run.step)
    assert (given / FILE).read_bytes() == before


def test_a_checkpoint_beside_them_counts_more(given, mini_run, run):
    for file in mini_run.glob("ckpt-12.*"):
        shutil.copy(file, given)
    name, variable = next(iter(run.model.named_variables().items()))
    np.testing.assert_array_equal(load_run(given).model.named_variables()[name].numpy(), variable.numpy())


def test_what_does_not_fit_is_named(given, run):
    variables = dict(run.model.named_variables())
    with np.load(given / FILE) as stored:
        arrays = dict(stored)
    name = next(iter(variables))
    np.savez(given / FILE, **{key: value for key, value in arrays.items() if key != name})
    with pytest.raises(CheckpointError, match=f"does not fit this model \\({name} differs"):
        restore_rounded_weights(given, variables)
    np.savez(given / FILE, **{**arrays, name: np.full_like(arrays[name], np.nan)})
    with pytest.raises(CheckpointError, match="not finite"):
        restore_rounded_weights(given, variables)
    (given / FILE).write_bytes((given / FILE).read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is damaged"):
        restore_rounded_weights(given, variables)


def test_weights_beyond_16_bits_are_refused(tmp_path):
    import tensorflow as tf

    with pytest.raises(CheckpointError, match="16 bits cannot hold"):
        save_rounded_weights(tmp_path, {"large": tf.Variable([1e6])}, 1)
    assert not (tmp_path / FILE).exists()


def test_rounded_weights_are_not_trained_on(given, mini_data, tiny_hparams):
    config = TrainConfig(
        problems=MINI_PROBLEMS, hparams=tiny_hparams, data_dir=str(mini_data), output_dir=str(given), train_steps=14
    )
    with pytest.raises(TrainingError, match="give a new --output_dir"):
        make_trainer(config)
