"""A training that is killed or stopped at random moments ends as one that was not (--kills=N, --terms=N)."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.metrics_log import read_records
from tests.conftest import SMALL

pytestmark = pytest.mark.slow

# Steps and saves are slowed down, so that a kill falls into each of them; files of a checkpoint grow bit by bit.
DRIVER = """
import pathlib, shutil, sys, tempfile, time
import tensorflow as tf
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.trainer import TrainConfig, train

data, output, hparams, steps = sys.argv[1:]
write = tf.train.Checkpoint.write

def slow_write(self, path):
    with tempfile.TemporaryDirectory() as folder:
        write(self, folder + "/" + pathlib.Path(path).name)
        for source in sorted(pathlib.Path(folder).iterdir()):
            content = source.read_bytes()
            with open(pathlib.Path(path).parent / source.name, "wb") as file:
                for start in range(0, len(content), len(content) // 8 + 1):
                    file.write(content[start : start + len(content) // 8 + 1])
                    file.flush()
                    time.sleep(0.01)
    return path

tf.train.Checkpoint.write = slow_write

def pause(output):
    print("step", output.step, flush=True)
    time.sleep(0.01)

config = TrainConfig(
    problems=("mini_parsing", "mini_translate_ende"), hparams=HParams.from_json(hparams), data_dir=data,
    output_dir=output, train_steps=int(steps), save_steps=2, keep_checkpoints=4, eval_steps=1, eval_frequency=20,
)
train(config, actions=[pause])
"""


@pytest.fixture
def session(mini_data, tiny_hparams):
    """Starts a trainer of a folder."""
    hparams = tiny_hparams.override(f"{SMALL},mixture.num_experts=3").to_json()

    def start(folder, steps):
        command = [sys.executable, "-c", DRIVER, str(mini_data), str(folder), hparams, str(steps)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def interrupt(process, number, seconds):
    """Waits for the session's first step and `seconds` more, sends the signal; gives what the session said."""
    first = process.stdout.readline()
    assert first.startswith("step"), process.communicate()[1]
    time.sleep(seconds)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=300)
    return errors


def finish(process):
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    return errors


def weights(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_equal_runs(one, other):
    expected, found = weights(one), weights(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert read_records(one) == read_records(other)


def cut_newest(folder, random_numbers):
    """Cuts a file of the newest checkpoint at a random length, if an older one is whole; gives its step."""
    whole = [
        s for s in checkpoint_files.steps(folder) if not checkpoint_files.fault(checkpoint_files.path_of(folder, s))
    ]
    if len(whole) < 2:
        return None
    file = random_numbers.choice(sorted(folder.glob(f"ckpt-{whole[-1]}.*")))
    os.truncate(file, random_numbers.randrange(file.stat().st_size))
    return whole[-1]


def test_killed_at_random_moments_it_ends_bit_equal(session, tmp_path, request):
    kills, random_numbers = request.config.getoption("--kills"), random.Random(5)
    steps = 40 + 12 * kills
    within_saves = cuts = 0
    for _ in range(kills):
        process = session(tmp_path / "killed", steps)
        errors = interrupt(process, signal.SIGKILL, random_numbers.uniform(0, 2.5))
        assert process.returncode == -signal.SIGKILL, errors
        within_saves += bool(list((tmp_path / "killed").glob("*.saving")))
        if random_numbers.random() < 0.4:
            cuts += cut_newest(tmp_path / "killed", random_numbers) is not None
    reached = checkpoint_files.steps(tmp_path / "killed")
    assert reached and reached[-1] < steps
    print(f"{kills} kills, {within_saves} within a save, {cuts} cut files, step {reached[-1]} of {steps} reached")
    finish(session(tmp_path / "killed", steps))
    finish(session(tmp_path / "whole", steps))
    assert not list((tmp_path / "killed").glob("*.saving"))
    assert_equal_runs(tmp_path / "whole", tmp_path / "killed")


def test_sigterm_at_random_moments_loses_no_step(session, tmp_path, request):
    terms, random_numbers = request.config.getoption("--terms"), random.Random(6)
    steps, reached = 40 + 40 * terms, 0
    for _ in range(terms):
        process = session(tmp_path / "stopped", steps)
        errors = interrupt(process, signal.SIGTERM, random_numbers.uniform(0, 1.2))
        assert process.returncode == 0, errors
        if reached:
            assert f"continuing at step {reached} " in errors
        reached = int(re.search(r"stopped by SIGTERM at step (\d+)", errors)[1])
    assert reached < steps
    assert f"continuing at step {reached} " in finish(session(tmp_path / "stopped", steps))
    finish(session(tmp_path / "whole", steps))
    assert_equal_runs(tmp_path / "whole", tmp_path / "stopped")
