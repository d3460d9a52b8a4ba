"""Replicas, workers and accumulated batches move the weights as one device does by the joined batch (SGD)."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.integration.test_workers import free_ports

PROGRAM = [sys.executable, "-m", "tests.integration.joined_batch"]
HPARAMS = (
    "body.depth=8,body.encoder_blocks=1,body.decoder_blocks=1,body.attention_conv_blocks=0,optimizer.name=sgd,optimizer.schedule=constant,"
    "optimizer.warmup_steps=0,optimizer.learning_rate=0.1,optimizer.clip_norm=0.5,mixture.loss_coefficient=0.1,"
    "regularization.dropout=0.2,regularization.attention_dropout=0.1"
)


def environment(**more):
    return {**{name: value for name, value in os.environ.items() if name != "TF_CONFIG"}, **more}


@pytest.fixture(scope="module")
def results(tiny_hparams, tmp_path_factory):
    """The weights of a run by its name; runs of one process that are not there yet are made."""
    folder = tmp_path_factory.mktemp("joined")
    (folder / "hparams.json").write_text(tiny_hparams.override(HPARAMS).to_json())

    def of(*names):
        missing = [name for name in names if not (folder / f"{name}.npz").exists()]
        if missing:
            command = [*PROGRAM, folder / "hparams.json", folder, *missing]
            done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
        return [dict(np.load(folder / f"{name}.npz")) for name in names]

    of.hparams = folder / "hparams.json"
    return of


def assert_equal(found, expected, leave_out=(), atol=1e-6):
    """Weights are equal to `atol`, losses and norms to a hundred thousandth of them."""
    assert set(found) == set(expected) and len(found) > 50
    for name in set(expected).difference(leave_out):
        weight = expected[name].ndim > 0
        how = {"atol": atol, "rtol": 1e-6} if weight else {"rtol": 1e-5}
        np.testing.assert_allclose(found[name], expected[name], err_msg=name, **how)


def test_weights_are_those_of_the_joined_batch(results):
    mirrored, joined, accumulated, joined_batches = results("mirrored_2", "joined_2", "accumulated", "joined_batches")
    assert_equal(mirrored, joined)
    assert_equal(accumulated, joined_batches)
    assert min(mirrored["gradient_norm"], accumulated["gradient_norm"]) > 0.5  # both were clipped
    assert mirrored["mixture_loss"] > 1e-3


@pytest.mark.slow
def test_batches_and_replicas_may_come_together(results):
    assert_equal(*results("accumulated_2", "joined_batches_2"))


@pytest.mark.slow
def test_batches_are_accumulated_by_compiled_steps(results):
    static, free = results("accumulated_static", "accumulated")
    for name, value in free.items():
        np.testing.assert_allclose(static[name], value, atol=1e-5, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_a_problem_for_each_replica_moves_weights_by_the_mean_of_their_moves(results):
    distributed, alone = results("distributed", "alone")
    assert_equal(distributed, alone, ["gradient_norm"], atol=3e-6)  # the moves are differences of rounded weights
    assert distributed["loss_0"] != pytest.approx(distributed["loss_1"], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "name"), [(2, "worker"), (4, "worker"), (2, "distributed_worker")])
def test_weights_of_processes_are_those_of_one_device(results, tmp_path, count, name):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    workers = []
    for index in range(count):
        config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        place = tmp_path / str(index)
        place.mkdir()
        command = [*PROGRAM, results.hparams, place, name]
        workers.append(subprocess.Popen(command, env=environment(TF_CONFIG=config), stderr=subprocess.PIPE, text=True))
    errors = [worker.communicate()[1][-3000:] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * count, errors
    (expected,) = results(f"joined_{count}" if name == "worker" else "alone")
    rounding = (["gradient_norm"], 3e-6) if name == "distributed_worker" else ()
    for index in range(count):
        assert_equal(dict(np.load(tmp_path / str(index) / f"{name}.npz")), expected, *rounding)
    if name == "worker":
        (other,) = results("joined_4" if count == 2 else "joined_2")
        assert max(np.abs(other[key] - expected[key]).max() for key in expected) > 1e-3  # the noise is the replicas'
