"""Runs whose steps take several batches."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.training.trainer import TrainConfig, make_trainer

PROBLEMS = ("mini_parsing", "mini_translate_ende")


def run(data, folder, hparams, problems, actions=()):
    config = TrainConfig(
        problems=problems,
        hparams=hparams,
        data_dir=str(data),
        output_dir=str(folder),
        train_steps=6,
        eval_steps=1,
        save_steps=2,
        seed=5,
    )
    trainer = make_trainer(config)
    trainer.run(actions)
    return trainer


def state(folder):
    reader = tf.train.load_checkpoint(str(folder / "ckpt-6"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "save_counter" not in name}


@pytest.mark.parametrize("scheme", [pytest.param("uniform", marks=pytest.mark.slow), "distributed"])
def test_a_run_that_goes_on_ends_bit_equal(scheme, mini_data, small_hparams, tmp_path, capfd):
    hparams = small_hparams.override(f"mixture.num_experts=3,accumulate_steps=2,mixing.scheme={scheme}")
    outputs = []
    whole = run(mini_data, tmp_path / "whole", hparams, PROBLEMS, [outputs.append])
    (tmp_path / "other").mkdir()
    for path in (tmp_path / "whole").iterdir():
        if not path.name.startswith(("ckpt-4", "ckpt-6", "events")):
            shutil.copy(path, tmp_path / "other")
    other = run(mini_data, tmp_path / "other", hparams, PROBLEMS)
    told = capfd.readouterr().err
    assert "continuing at step 2" in told
    expected, found = state(tmp_path / "whole"), state(tmp_path / "other")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert whole.mixer.state() == other.mixer.state()
    used = {name: values["batches"] for name, values in whole.mixer.state().items()}
    assert sum(used.values()) == 12
    if scheme == "distributed":
        assert used == dict.fromkeys(PROBLEMS, 6)
        for output in outputs:
            assert sorted(name for name, _ in output.parts) == sorted(PROBLEMS)
            losses = [float(values["loss"]) for _, values in output.parts]
            assert losses[0] != losses[1] and float(output.values["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
        assert re.search(r"step 6/6 .* loss: mini_parsing \d+\.\d+ mini_translate_ende \d+\.\d+\n", told)
