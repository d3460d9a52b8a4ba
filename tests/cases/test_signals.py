"""SIGTERM and SIGINT finish the step, save, and say so; a second SIGINT leaves at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.loop.stop import StopOnSignal
from t2t_multimodel.training.trainer import TrainConfig, make_trainer, train
from tests.conftest import SMALL, TINY_HPARAMS


def config(data, folder, hparams, **values):
    values = {"problems": ("mini_parsing",), "train_steps": 20, "eval_steps": 1, **values}
    return TrainConfig(data_dir=str(data), output_dir=str(folder), hparams=hparams, **values)


def send(number):
    """An action or work that sends this process a signal."""
    return lambda *_: signal.raise_signal(number)


def at(step, number):
    return lambda output: send(number)() if output.step == step else None


def weights(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_sigterm_saves_the_step_and_the_run_goes_on_as_if_nothing_was(mini_data, small_hparams, tmp_path, capsys):
    whole, stopped = (config(mini_data, tmp_path / name, small_hparams) for name in ("whole", "stopped"))
    train(whole)
    with pytest.raises(SystemExit) as left:
        train(stopped, actions=[at(7, signal.SIGTERM)])
    assert left.value.code == 0
    errors = capsys.readouterr().err
    assert f"stopped by SIGTERM at step 7, saved as {tmp_path / 'stopped' / 'ckpt-7'}; run the same command" in errors
    train(stopped)
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    assert read_records(tmp_path / "whole") == read_records(tmp_path / "stopped")


def test_sigint_saves_and_interrupts(mini_data, small_hparams, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(config(mini_data, tmp_path, small_hparams), actions=[at(3, signal.SIGINT)])
    assert (tmp_path / "ckpt-3.done").exists()


def test_an_evaluation_is_broken_off_and_made_up_for(mini_data, small_hparams, tmp_path, monkeypatch):
    asked = config(mini_data, tmp_path, small_hparams, train_steps=6, eval_frequency=2)
    trainer = make_trainer(asked)
    evaluate = trainer.evaluator.evaluate

    def interrupted(task, *, step, **more):
        if step == 4:
            send(signal.SIGTERM)()
        return evaluate(task, step=step, **more)

    monkeypatch.setattr(trainer.evaluator, "evaluate", interrupted)
    with pytest.raises(SystemExit):
        trainer.run()
    assert [record["step"] for record in read_records(tmp_path)] == [2] and (tmp_path / "ckpt-4.done").exists()
    train(asked)
    assert [record["step"] for record in read_records(tmp_path)] == [2, 4, 6]


def test_a_signal_before_the_first_step_leaves_at_once(mini_data, small_hparams, tmp_path, monkeypatch):
    from t2t_multimodel.training import trainer

    monkeypatch.setattr(trainer, "read_data", send(signal.SIGTERM))
    with pytest.raises(SystemExit) as left:
        train(config(mini_data, tmp_path, small_hparams))
    assert left.value.code == 0 and not list(tmp_path.glob("ckpt*"))


def test_handlers_are_put_back_and_other_threads_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    with StopOnSignal():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    found = []
    thread = threading.Thread(target=lambda: found.append(StopOnSignal().__enter__()))
    thread.start()
    thread.join()
    assert found and signal.getsignal(signal.SIGTERM) == before


def test_a_second_sigint_leaves_at_once():
    code = (
        "import signal\nfrom t2t_multimodel.training.loop.stop import StopOnSignal\n"
        "with StopOnSignal():\n    signal.raise_signal(2)\n    signal.raise_signal(2)\n    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "SIGINT: finishing the step, then saving; a second Ctrl-C leaves at once",
        "left at once; what was saved before is whole",
    ]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_command_exits_as_it_should(mini_data, tmp_path, number, status):
    command = [
        sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", "--problem=mini_parsing", f"--data_dir={mini_data}",
        f"--output_dir={tmp_path}", "--hparams_set=multimodel_mini", f"--hparams={TINY_HPARAMS},{SMALL}",
        "--train_steps=100000", "--save_checkpoints_steps=3",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "ckpt-3.done").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == status, errors
    assert f"stopped by {signal.Signals(number).name} at step" in errors and "Traceback" not in errors
