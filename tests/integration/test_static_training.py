"""A whole training by steps that XLA compiles, and its checkpoints in a free one."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.trainer import TrainConfig, make_trainer
from tests.conftest import MINI_PROBLEMS, SMALL

# One length bucket a problem: few programs to compile.
HPARAMS = (
    f"{SMALL},mixture.num_experts=3,regularization.dropout=0,modalities.spec_augment=false,batching.min_bucket=64,"
    "batching.max_length=64,batching.batch_tokens=512,batching.bucket_growth=8,modalities.audio_blocks=1,"
    "modalities.audio_strided_blocks=1,optimizer.schedule=constant,optimizer.learning_rate=0.0003"
)


def trained(data, folder, hparams, steps):
    config = TrainConfig(
        problems=MINI_PROBLEMS, hparams=hparams, data_dir=str(data), output_dir=str(folder), train_steps=steps,
        eval_steps=1, seed=2,
    )  # fmt: skip
    trainer = make_trainer(config)
    trainer.run()
    return trainer


def values(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "save_counter" not in name}


@pytest.mark.slow
def test_a_static_training_is_a_free_one_and_their_checkpoints_are_interchangeable(
    mini_data, tiny_hparams, tmp_path, capsys
):
    """Five steps of three pairs of modalities: static ones, then free ones from their checkpoint, beside free ones."""
    hparams = tiny_hparams.override(HPARAMS)
    static = trained(mini_data, tmp_path / "mixed", hparams.override("compute.compile=xla"), 3)
    lines = capsys.readouterr().err
    assert "XLA compiles a step for" in lines and "compiled in" in lines
    assert 1 <= sum(static.traces.values()) <= 3
    trained(mini_data, tmp_path / "mixed", hparams, 5)
    assert "continuing at step 3" in capsys.readouterr().err
    trained(mini_data, tmp_path / "free", hparams, 5)
    found, expected = values(tmp_path / "mixed"), values(tmp_path / "free")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, atol=2e-4, err_msg=name)
    assert {record["problem"] for record in read_records(tmp_path / "mixed")} == set(MINI_PROBLEMS)
