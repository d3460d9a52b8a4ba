"""Several processes that train together; the command is that of docs/distributed.md."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.evaluation import Evaluator
from tests.conftest import MINI_PROBLEMS, SMALL_WITH_EXPERTS, TINY_HPARAMS

pytestmark = pytest.mark.slow

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "distributed.md"
STEPS = 8
TRAINER = f"{sys.executable} -m t2t_multimodel.bin.t2t_trainer"
SETTINGS = f"--hparams_set=multimodel_mini --hparams={SMALL_WITH_EXPERTS},regularization.dropout=0.1 --eval_steps=1"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Workers:
    """The two processes of the documented command, on free ports and small data."""

    def __init__(self, data, output, problems="mini_parsing,mini_speech", settings=SETTINGS, steps=STEPS):
        (command,) = re.findall(r"```sh\n(for index.*?)```", DOCS.read_text(), re.DOTALL)
        for port, free in zip(("23456", "23457"), free_ports(2)):
            command = command.replace(port, str(free))
        for old, new in (
            ("t2t-trainer", TRAINER),
            ("--problem=mini_parsing", f"--problem={problems}"),
            ("--hparams_set=multimodel_mini", settings),
            ("runs/mini/data", str(data)),
            ("runs/workers", str(output)),
            ("--train_steps=100", f"--train_steps={steps} --save_checkpoints_steps=2 2> {output}.$index"),
            ("&\n", "& echo $!\n"),
        ):
            assert old in command
            command = command.replace(old, new)
        self._logs = [pathlib.Path(f"{output}.{index}") for index in (0, 1)]
        # `wait` alone forgets how the processes ended.
        script = command.replace("wait\n", "for job in $(jobs -p); do wait $job; echo status $?; done\n")
        self._shell = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, env=clean())
        second, first = (int(self._shell.stdout.readline()) for _ in range(2))
        self.pids = first, second

    def ended(self):
        """Statuses and standard errors of the first and the second worker."""
        out, _ = self._shell.communicate(timeout=600)
        second, first = map(int, re.findall(r"status (\d+)", out))
        return (first, second), [log.read_text() for log in self._logs]


def clean():
    return {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True, env=clean(), check=False)
    assert done.returncode == 0, done.stderr
    return done


def weights(output, steps=STEPS):
    reader = tf.train.load_checkpoint(str(output / f"ckpt-{steps}"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("model/")}


def assert_equal(found, expected, atol):
    assert set(found) == set(expected) and len(found) > 50
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=atol, err_msg=name)


def after_checkpoint(output, step):
    deadline = time.monotonic() + 200
    while not (output / f"ckpt-{step}.done").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def undisturbed(mini_data, tmp_path_factory):
    output = tmp_path_factory.mktemp("workers") / "run"
    statuses, logs = Workers(mini_data, output).ended()
    assert statuses == (0, 0), logs
    return output


def test_two_processes_train_as_two_replicas_of_one(undisturbed, mini_data, tmp_path):
    command = f"{TRAINER} --strategy=mirrored --replicas=2 --problem=mini_parsing,mini_speech {SETTINGS}"
    places = f"--data_dir={mini_data} --output_dir={tmp_path / 'run'} --train_steps={STEPS}"
    run(f"{command} {places}")
    assert_equal(weights(undisturbed), weights(tmp_path / "run"), atol=1e-4)
    found, expected = read_records(str(undisturbed)), read_records(str(tmp_path / "run"))
    assert [one["problem"] for one in found] == [one["problem"] for one in expected] == ["mini_parsing", "mini_speech"]
    for one, other in zip(found, expected, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-4)


def test_a_worker_that_is_killed_ends_the_others_and_all_go_on(undisturbed, mini_data, tmp_path):
    output = tmp_path / "run"
    workers = Workers(mini_data, output)
    after_checkpoint(output, 4)
    os.kill(workers.pids[1], signal.SIGKILL)
    statuses, logs = workers.ended()
    assert statuses == (1, 128 + signal.SIGKILL)
    assert "error: another worker went away; start all workers again" in logs[0]
    statuses, logs = Workers(mini_data, output).ended()
    assert statuses == (0, 0) and "continuing at step" in logs[0]
    assert_equal(weights(output), weights(undisturbed), atol=1e-6)


def test_a_signal_to_one_worker_stops_all_after_the_same_step(undisturbed, mini_data, tmp_path):
    output = tmp_path / "run"
    workers = Workers(mini_data, output)
    after_checkpoint(output, 2)
    os.kill(workers.pids[1], signal.SIGTERM)
    statuses, logs = workers.ended()
    assert statuses == (0, 0) and "stopped by SIGTERM at step" in logs[0]
    statuses, logs = Workers(mini_data, output).ended()
    assert statuses == (0, 0), logs
    assert_equal(weights(output), weights(undisturbed), atol=1e-6)


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_an_evaluation_that_is_spread_gives_the_records_of_one_device(strategy, mini_run, mini_data, tmp_path):
    output, settings = tmp_path / "run", f"--hparams_set=multimodel_mini --hparams={TINY_HPARAMS}"
    shutil.copytree(mini_run, output)
    (output / "metrics.jsonl").unlink()
    if strategy == "multi_worker":
        statuses, logs = Workers(mini_data, output, ",".join(MINI_PROBLEMS), settings, steps=12).ended()
        assert statuses == (0, 0), logs
    else:
        places = f"--data_dir={mini_data} --output_dir={output} --train_steps=12"
        run(f"{TRAINER} --strategy=mirrored --replicas=2 --problem={','.join(MINI_PROBLEMS)} {settings} {places}")
    model = load_run(mini_run)
    evaluator = Evaluator(model.model, mini_data, "dev")
    expected = [evaluator.evaluate(task, step=12) for task in model.tasks]
    found = read_records(output)
    assert [one["problem"] for one in found] == [one["problem"] for one in expected]
    for one, other in zip(found, expected):
        assert one.keys() == other.keys()
        for name, value in other.items():
            assert one[name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)


@pytest.fixture(scope="module")
def distributed(mini_data, tmp_path_factory):
    """The documented run of a problem for each replica, short, and its command."""
    (command,) = re.findall(r"```sh\n(t2t-trainer --strategy=mirrored.*?)```", DOCS.read_text(), re.DOTALL)
    output = tmp_path_factory.mktemp("distributed") / "run"
    for old, new in (
        ("\\\n", ""),
        ("t2t-trainer", TRAINER),
        ("--hparams_set=multimodel_mini", "--hparams_set=multimodel_mini --eval_steps=1 --save_checkpoints_steps=2"),
        ("--hparams=", f"--hparams={SMALL_WITH_EXPERTS},"),
        ("runs/mini/data", str(mini_data)),
        ("runs/distributed", str(output)),
        ("--train_steps=100", "--train_steps=4"),
    ):
        assert old in command
        command = command.replace(old, new)
    return output, command, run(command)


def test_a_problem_for_each_replica_is_told_and_goes_on_bit_equal(distributed, tmp_path):
    output, command, done = distributed
    problems = "mini_parsing", "mini_speech", "mini_translate_ende"
    told = re.search(r"step 4/4 .* loss: (.*)", done.stderr)[1].split()
    assert set(told[::2]) <= set(problems) and len(told[::2]) > 1
    again = tmp_path / "run"
    again.mkdir()
    for path in output.iterdir():
        if not path.name.startswith(("ckpt-4", "events")):
            shutil.copy(path, again)
    assert "continuing at step 2" in run(command.replace(str(output), str(again))).stderr
    assert_equal(weights(again, 4), weights(output, 4), atol=0)


def test_workers_train_a_problem_each_as_replicas_do(distributed, mini_data, tmp_path):
    output, command, _ = distributed
    (hparams,) = re.findall(r"--hparams=(\S+)", command)
    (problems,) = re.findall(r"--problem=(\S+)", command)
    settings = f"--hparams_set=multimodel_mini --eval_steps=1 --hparams={hparams}"
    statuses, logs = Workers(mini_data, tmp_path / "run", problems, settings, steps=4).ended()
    assert statuses == (0, 0), logs
    assert_equal(weights(tmp_path / "run", 4), weights(output, 4), atol=1e-4)
