"""A training with products in bfloat16 takes nearly the steps of one in float32, and keeps its weights in float32."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.trainer import TrainConfig, train
from tests.conftest import SMALL


@pytest.fixture(scope="module")
def runs(mini_data, tiny_hparams, tmp_path_factory):
    folders = {}
    for precision in ("float32", "bfloat16"):
        folders[precision] = str(tmp_path_factory.mktemp(precision))
        train(
            TrainConfig(
                problems=("mini_parsing",),
                hparams=tiny_hparams.override(f"{SMALL},mixture.num_experts=3,precision={precision}"),
                data_dir=str(mini_data),
                output_dir=folders[precision],
                train_steps=8,
                eval_steps=2,
            )
        )
    return folders


def values(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, np.ndarray)}


def test_checkpoints_hold_float32(runs):
    plain, mixed = values(runs["float32"]), values(runs["bfloat16"])
    assert {name: value.dtype for name, value in mixed.items()} == {name: value.dtype for name, value in plain.items()}
    assert not any(value.dtype == tf.bfloat16.as_numpy_dtype for value in mixed.values())
    weights = [name for name in plain if "pointwise_kernel" in name]
    assert weights and any((plain[name] != mixed[name]).any() for name in weights)


def test_the_loss_is_that_of_float32_but_for_rounding(runs):
    plain, mixed = (read_records(runs[precision])[-1]["loss"] for precision in ("float32", "bfloat16"))
    assert plain != mixed
    np.testing.assert_allclose(mixed, plain, rtol=0.01)
