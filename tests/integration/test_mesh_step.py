"""The train step with experts over a mesh: equal to that of one device, and each device has its experts alone."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json
import sys
from collections import Counter

import numpy as np
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.mesh.experts import make_mesh
from t2t_multimodel.runs.checkpoint import Checkpointer
from t2t_multimodel.runs.checkpoint_files import path_of
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.step import make_train_step
from t2t_multimodel.training.strategies import make_strategy
from t2t_multimodel.training.trainer import build_model

folder, shapes = sys.argv[1], sys.argv[2].split(",")
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
)
hparams = HParams.from_json(open(f"{folder}/hparams.json").read())
name = "mini_translate_ende"
manifest = Manifest(hparams, [name], {"to_german": 0}, vocab_size=50, vocab_fingerprint="", seed=3)
random = np.random.default_rng(0)


class Run:
    def __init__(self, shape=""):
        strategy = "mesh" if shape else "one_device"
        self.model, self.optimizer = build_model(
            manifest, make_strategy(strategy), make_mesh(strategy, shape, hparams)
        )
        self.named = {**self.model.named_variables(), **self.optimizer.named_variables()}
        self.checkpointer = Checkpointer(
            folder, model=self.model.named_variables(), optimizer=self.optimizer.named_variables()
        )
        task = Task(registry.problem(name), 0)
        self.step = make_train_step(
            self.model, self.optimizer, make_strategy("one_device"), task, seed=1, train_steps=9
        )

    def values(self):
        return {name: variable.numpy() for name, variable in self.named.items()}

    def train(self, first, last):
        for number in range(first, last):
            rng = np.random.default_rng(number)
            batch = {"inputs": rng.integers(2, 50, (5, 9)), "targets": rng.integers(2, 50, (5, 7 + number))}
            batch["inputs"][0, 4:] = 0
            batch = {name: tf.constant(value, tf.int32) for name, value in batch.items()}
            result = self.step(batch, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))
        return {name: value.numpy() for name, value in result.items()}

    def sizes(self):
        sizes = Counter()
        for name, whole in self.named.items():
            for shard in getattr(whole, "shards", [whole]):
                kind = "experts" if "/expert_" in name else "others"
                sizes[f"{kind} of {shard.device[-5:]}"] += int(np.prod(shard.shape))
        return sizes


def compare(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, rtol=1e-4, err_msg=name)


one = Run()
start = one.values()
for variable in one.model.named_variables().values():
    variable.assign(variable.numpy() + random.normal(0, 0.1, variable.shape).astype("float32"))
one.checkpointer.save(0, {})
result = one.train(0, 3)
assert result["mixture_loss"] > 0 and result["skipped"] == 0
trained, sizes, runs = one.values(), {"": one.sizes()}, {"": one}
for shape in shapes:
    runs[shape] = run = Run(shape)
    compare(run.values(), start)
    run.checkpointer.restore(path_of(folder, 0))
    compare(run.train(0, 3), result)
    compare(run.values(), trained)
    for whole in run.model.mesh.variables.values():
        for number, shard in enumerate(whole.shards):
            np.testing.assert_array_equal(shard.numpy(), whole.distinct[number % len(whole.distinct)].numpy())
    sizes[shape] = run.sizes()
    # The products of the experts and of their gradients are on all devices of the mesh, and equally many.
    operations = run.step.get_concrete_function().graph.get_operations()
    products = Counter(op.device[-5:] for op in operations if op.type == "Einsum" and op.device)
    assert len(products) == len(run.model.mesh.layout.devices) and len(set(products.values())) == 1, products

# Each layout goes on from the checkpoint of the one before.
one.checkpointer.save(3, {})
result, trained = one.train(3, 5), one.values()
for step, shape in enumerate([*shapes[:2], ""], start=3):
    run = runs[shape]
    assert run.checkpointer.restore(path_of(folder, step))["step"] == step
    if shape:
        last = run.train(step, step + 1)
        run.checkpointer.save(step + 1, {})
compare(last, result)
compare(run.values(), trained)
print(json.dumps(sizes))
"""


def sizes_of(hparams, folder, *shapes):
    """Numbers of values on each device, for one device ("") and each mesh shape; the script compares their steps."""
    (folder / "hparams.json").write_text(hparams.to_json())
    command = [sys.executable, "-c", SCRIPT, str(folder), ",".join(shapes)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def check_sizes(sizes, expected):
    """`expected`: of each mesh shape, the divisor of the experts and the number of devices."""
    one = sizes[""].pop("experts of CPU:0")
    for shape, (divisor, devices) in expected.items():
        found = sizes[shape]
        for device in range(devices):
            assert found.pop(f"experts of CPU:{device}") * divisor == one
        assert found == sizes[""], shape  # all others are on the first device


@pytest.fixture
def mesh_hparams(tiny_hparams):
    return tiny_hparams.override(
        "body.encoder_blocks=1,body.decoder_blocks=1,body.attention_conv_blocks=0,body.kernel_sizes=3:3:3:3,"
        "mixture.num_experts=4,mixture.loss_coefficient=1,"
        "regularization.dropout=0.2,optimizer.schedule=constant,optimizer.learning_rate=0.003,optimizer.clip_norm=0.5"
    )


def test_two_and_four_devices_take_the_steps_of_one(mesh_hparams, tmp_path):
    """With dropout and gate noise, by Adam with clipping; and a checkpoint goes from one layout to the next."""
    sizes = sizes_of(mesh_hparams, tmp_path, "experts:2", "batch:2;experts:2")
    check_sizes(sizes, {"experts:2": (2, 2), "batch:2;experts:2": (2, 4)})


@pytest.mark.slow
def test_muon_and_the_other_body(mesh_hparams, tmp_path):
    hparams = mesh_hparams.override("body.form=plus,optimizer.name=muon,optimizer.weight_decay=0.1")
    sizes = sizes_of(hparams, tmp_path, "experts:4", "batch:2;experts:1")
    check_sizes(sizes, {"experts:4": (4, 4), "batch:2;experts:1": (1, 2)})
