"""A whole training by steps that XLA compiles, and its checkpoints in a free one."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.trainer import TrainConfig, make_trainer
from tests.conftest import SMALL

PROBLEM = "mini_parsing"
# One length bucket, and the body that compiles sooner.
HPARAMS = (
    f"{SMALL},body.form=plus,mixture.num_experts=3,regularization.dropout=0,batching.min_bucket=64,batching.max_length=64,"
    "batching.batch_tokens=512,batching.bucket_growth=8,optimizer.schedule=constant,optimizer.learning_rate=0.0003"
)


def trained(data, folder, hparams, steps):
    config = TrainConfig(
        problems=(PROBLEM,), hparams=hparams, data_dir=str(data), output_dir=str(folder), train_steps=steps,
        eval_steps=1, seed=2,
    )  # fmt: skip
    trainer = make_trainer(config)
    trainer.run()
    return trainer


def values(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "save" not in name}
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, np.ndarray)}


@pytest.mark.slow
def test_a_static_training_is_a_free_one_and_their_checkpoints_are_interchangeable(
    mini_data, tiny_hparams, tmp_path, capsys
):
    """Five steps: static ones, then free ones from their checkpoint, beside free ones."""
    hparams = tiny_hparams.override(HPARAMS)
    static = trained(mini_data, tmp_path / "mixed", hparams.override("compute.compile=xla"), 3)
    lines = capsys.readouterr().err
    assert "XLA compiles a step for" in lines and "compiled in" in lines
    assert sum(static.traces.values()) == 1
    trained(mini_data, tmp_path / "mixed", hparams, 5)
    assert "continuing at step 3" in capsys.readouterr().err
    trained(mini_data, tmp_path / "free", hparams, 5)
    found, expected = values(tmp_path / "mixed"), values(tmp_path / "free")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=2e-4, err_msg=name)
    assert [record["step"] for record in read_records(tmp_path / "mixed")] == [3, 5]
