"""Meshes as people ask for them, and variables that lie on one."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.mesh.experts import make_mesh
from t2t_multimodel.mesh.layout import MeshLayout, parse_mesh_shape
from t2t_multimodel.mesh.sharded import ShardedVariable


def test_shapes():
    assert parse_mesh_shape("batch:2;experts:4") == parse_mesh_shape(" experts:4 ; batch:2") == (2, 4)
    assert parse_mesh_shape("experts:3") == (1, 3)


@pytest.mark.parametrize(
    ("strategy", "mesh_shape", "hparams", "message"),
    [
        ("mesh", "", "", "write one such as batch:2;experts:4"),
        ("mesh", "experts", "", "has the item 'experts'"),
        ("mesh", "experts:0", "", "has the item 'experts:0'"),
        ("mesh", "experts:two", "", "has the item 'experts:two'"),
        ("mesh", "experts:2;model:2", "", "has the item 'model:2'"),
        ("mesh", "experts:2;experts:2", "", "has the item 'experts:2'"),
        ("mesh", "batch:2", "", "has no axis experts"),
        ("mesh", "experts:4", "mixture.num_experts=6", "num_experts=6 cannot be divided over experts:4"),
        ("mesh", "experts:2", "mixture.num_experts=0", "num_experts=0 leaves nothing"),
        ("mesh", "batch:32;experts:2", "mixture.num_experts=6", "needs 64 devices"),
        ("mirrored", "experts:2", "", "is of strategy mesh"),
    ],
)
def test_what_does_not_fit_is_one_line(strategy, mesh_shape, hparams, message):
    tf.config.list_logical_devices()  # TensorFlow has started: no more logical devices
    with pytest.raises(MultiModelError, match=message) as raised:
        make_mesh(strategy, mesh_shape, registry.hparams("multimodel_mini").override(hparams))
    assert "\n" not in str(raised.value)


def test_a_compiled_step_has_no_mesh():
    hparams = registry.hparams("multimodel_mini").override("compute.compile=xla")
    with pytest.raises(MultiModelError, match="give compute"):
        make_mesh("mesh", "experts:2", hparams)


def test_other_strategies_have_none():
    assert make_mesh("auto", "", registry.hparams("multimodel_mini")) is None


def test_a_checkpoint_of_shards_is_one_of_the_whole(tmp_path):
    value = np.arange(12, dtype=np.float32).reshape(4, 3)
    layouts = [MeshLayout(1, 2, ("CPU:0",) * 2), MeshLayout(2, 4, ("CPU:0",) * 8)]
    two, eight = [
        ShardedVariable(layout, [tf.Variable(tf.zeros([4 // layout.experts, 3])) for _ in layout.devices])
        for layout in layouts
    ]
    one = tf.Variable(tf.zeros([4, 3]))
    two.assign(value)
    for number, (saved, restored) in enumerate(itertools.pairwise([two, one, eight, two, eight, one])):
        path = tf.train.Checkpoint(named={"w": saved}).write(str(tmp_path / f"{number}"))
        tf.train.Checkpoint(named={"w": restored}).read(path).assert_consumed()
        np.testing.assert_array_equal(restored.numpy(), value)
        saved.assign(np.zeros_like(value))
    assert tf.train.load_checkpoint(str(tmp_path / "0")).get_variable_to_shape_map()[
        "named/w/.ATTRIBUTES/VARIABLE_VALUE"
    ] == [4, 3]
