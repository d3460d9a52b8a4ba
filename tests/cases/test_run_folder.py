"""One trainer owns a run folder; what is damaged in it is named, and what is whole is used."""

import multiprocessing
import shutil
import subprocess
import sys

import pytest

from t2t_multimodel import load
from t2t_multimodel.errors import CheckpointError, TrainingError
from t2t_multimodel.runs import lock
from t2t_multimodel.runs.lock import run_lock
from t2t_multimodel.training.trainer import TrainConfig, make_trainer, train

HOLD = """
import sys
from t2t_multimodel.runs.lock import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that holds the lock of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def config(data, folder, hparams, **values):
    values = {"problems": ("mini_parsing",), "train_steps": 2, "eval_steps": 1, **values}
    return TrainConfig(data_dir=str(data), output_dir=str(folder), hparams=hparams, **values)


def test_the_second_trainer_is_refused_and_the_lock_dies_with_the_first(owner, mini_data, small_hparams, tmp_path):
    with pytest.raises(TrainingError, match=rf"is being trained by process {owner.pid} on .*; wait for it, or give"):
        train(config(mini_data, tmp_path, small_hparams))
    assert {path.name for path in tmp_path.iterdir()} == {"train.lock"}  # nothing was touched
    owner.kill()
    owner.wait()
    with run_lock(tmp_path):
        pass


def test_a_file_system_without_locks_gets_a_clear_word(tmp_path, monkeypatch, capsys):
    def none(*_):
        raise OSError(lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    with run_lock(tmp_path):
        pass
    assert "without locks (No locks available); make sure that no other trainer" in capsys.readouterr().err


def test_a_worker_of_the_trainer_does_not_keep_the_lock(tmp_path):
    """Workers that are forked outlive the block."""
    context = multiprocessing.get_context("spawn")
    with run_lock(tmp_path):
        worker = context.Process(target=_wait)
        worker.start()
    with run_lock(tmp_path):
        pass
    worker.kill()
    worker.join()


def _wait():
    import time

    time.sleep(60)


@pytest.fixture
def copied(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


def test_without_the_file_checkpoint_training_goes_on_where_it_was(copied, mini_data, small_hparams, capsys):
    (copied / "checkpoint").unlink()
    trainer = make_trainer(config(mini_data, copied, small_hparams))
    assert trainer.step == 12 and "continuing at step 12" in capsys.readouterr().err
    assert load(copied).step == 12


def test_a_run_whose_only_checkpoint_is_damaged_does_not_start_anew(copied, mini_data, small_hparams):
    (copied / "ckpt-12.index").unlink()
    with pytest.raises(CheckpointError, match=r"ckpt-12.index is missing.*restore its files, or train into a new"):
        make_trainer(config(mini_data, copied, small_hparams))


def test_files_that_are_all_gone_are_missed(copied, mini_data, small_hparams):
    for path in copied.glob("ckpt-12.*"):
        path.unlink()
    with pytest.raises(CheckpointError, match="which the file checkpoint names, is gone"):
        make_trainer(config(mini_data, copied, small_hparams))


def test_a_first_save_that_was_broken_off_starts_anew(copied, mini_data, small_hparams):
    (copied / "checkpoint").unlink()
    (copied / "ckpt-12.done").rename(copied / "ckpt-12.saving")
    data = copied / "ckpt-12.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:50])
    trainer = make_trainer(config(mini_data, copied, small_hparams))
    assert trainer.step == 0
    trainer.write_run_files()
    assert not list(copied.glob("ckpt-*"))


def test_a_step_below_the_one_reached_is_said(copied, mini_data, small_hparams, capsys):
    (record,) = train(config(mini_data, copied, small_hparams, train_steps=5))
    assert record["step"] == 12 and f"{copied} is at step 12: no steps to train" in capsys.readouterr().err


def test_a_full_disk_while_training_keeps_what_there_is(copied, mini_data, small_hparams, monkeypatch, capsys):
    """The save at step 14 fails, the one at step 16 does not; the last one fails for good."""
    trainer = make_trainer(config(mini_data, copied, small_hparams, train_steps=17, save_steps=2))
    write, failing = trainer.checkpointer._checkpoint.write, ("ckpt-14", "ckpt-17")

    def full(path):
        if path.endswith(failing):
            raise OSError(28, "No space left on device", path)
        return write(path)

    monkeypatch.setattr(trainer.checkpointer._checkpoint, "write", full)
    with pytest.raises(CheckpointError, match=r"step 17 could not be saved .*No space left"):
        trainer.run()
    assert "step 14 could not be saved" in capsys.readouterr().err
    assert load(copied).step == 16
