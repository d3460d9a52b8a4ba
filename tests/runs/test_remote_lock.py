"""The lock of a run in an object store: the living keep it, the dead lose it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from t2t_multimodel.data.remote.path import RemotePath
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs import remote_lock as locks
from t2t_multimodel.runs.remote_lock import remote_lock

BEAT = 0.2


class MemoryPath(RemotePath):
    """An object of this process."""

    content: bytes | None = None

    def read_bytes(self):
        if self.content is None:
            raise FileNotFoundError(str(self))
        return self.content

    def write_bytes(self, data):
        self.content = data

    def unlink(self, missing_ok=False):
        self.content = None


@pytest.fixture
def lock():
    """The object of a run that nobody trains."""
    return MemoryPath("s3://bucket/run/train.lock")


def owner(process: int, host: str, started: str | None) -> bytes:
    return json.dumps({"process": process, "host": host, "started": started, "token": "x", "beat": 1}).encode()


def test_the_lock_lasts_as_long_as_the_block(lock):
    with remote_lock(lock, beat=BEAT):
        assert json.loads(lock.content)["process"] == os.getpid()
    assert lock.content is None


def test_a_living_owner_keeps_it(lock, capsys):
    with remote_lock(lock, beat=BEAT / 4):
        lock_of_another = remote_lock(lock, beat=BEAT)
        with pytest.raises(TrainingError, match=f"by process {os.getpid()} on"):
            lock_of_another.__enter__()
    assert "waiting up to" in capsys.readouterr().err


def test_an_owner_of_another_machine_that_does_not_beat_loses_it(lock):
    lock.content = owner(1, "elsewhere", "5")
    started = time.monotonic()
    with remote_lock(lock, beat=BEAT):
        assert json.loads(lock.content)["host"] == socket.gethostname()
    assert time.monotonic() - started >= 2 * BEAT


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another process has its number"])
def test_a_killed_owner_of_this_machine_loses_it_at_once(lock, again, monkeypatch):
    monkeypatch.setattr(locks, "_beats", lambda *arguments: pytest.fail("waited"))
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    process = os.getpid() if again else int(child.stdout)
    lock.content = owner(process, socket.gethostname(), "1")
    with remote_lock(lock, beat=BEAT):
        pass


def test_who_lost_it_says_so_and_leaves_it_to_the_other(lock, capsys):
    with remote_lock(lock, beat=BEAT):
        lock.content = owner(1, "elsewhere", "5")
        deadline = time.monotonic() + 60
        while any(thread.name == "run-lock" for thread in threading.enumerate()) and time.monotonic() < deadline:
            time.sleep(BEAT / 4)
    assert "another trainer took s3://bucket/run; stop one of the two" in capsys.readouterr().err
    assert json.loads(lock.content)["host"] == "elsewhere"


def test_a_damaged_lock_is_taken(lock):
    lock.content = b"{"
    with remote_lock(lock, beat=BEAT):
        assert json.loads(lock.content)["beat"] >= 1
