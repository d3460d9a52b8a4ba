"""One trainer owns a run folder of an object store at a time, as far as a store without locks allows."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.remote.path import RemotePath
from t2t_multimodel.errors import StorageError, TrainingError

BEAT_SECONDS = 15.0
_PATIENCE = 3  # beats


@contextlib.contextmanager
def remote_lock(lock: RemotePath, *, beat: float = BEAT_SECONDS) -> Iterator[None]:
    """Holds the object `lock` within the block: it names the owner and changes with each beat.

    An owner whose object does not change for three beats is taken for dead, and one on this machine that is no longer
    there at once. Two trainers that start within the same second can both come through; the first beat of the one that
    lost tells.

    Args:
        lock: the object.
        beat: seconds between changes.

    Raises:
        TrainingError: another trainer holds it.
        StorageError: the store does not answer.
    """
    found = _read(lock)
    if found is not None and not _is_dead(found) and _beats(lock, found, beat):
        owner = f"process {found.get('process')} on {found.get('host')}"
        raise TrainingError(f"{lock.parent} is being trained by {owner}; wait for it, or give another --output_dir")
    owner = _Owner(lock, beat)
    with owner:
        yield


def _read(lock: RemotePath) -> dict[str, Any] | None:
    try:
        found = json.loads(lock.read_text())
        return found if isinstance(found, dict) else {}
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def _is_dead(found: dict[str, Any]) -> bool:
    """Whether the owner ran on this machine and is gone."""
    if found.get("host") != socket.gethostname():
        return False
    return found.get("started") != _started(found.get("process"))


def _started(process: Any) -> str | None:
    """When a process of this machine started, in the kernel's clock ticks; None where there is none."""
    try:
        with open(f"/proc/{int(process)}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, ValueError, TypeError, IndexError):
        return None


def _beats(lock: RemotePath, found: dict[str, Any], beat: float) -> bool:
    """Whether the object changes within the time that is given to a living owner."""
    print(f"{lock} names an owner; waiting up to {_PATIENCE * beat:.0f} s to see whether it lives", file=sys.stderr)
    until = time.monotonic() + _PATIENCE * beat
    while time.monotonic() < until:
        time.sleep(min(beat / 3, max(until - time.monotonic(), 0)))
        now = _read(lock)
        if now is None:
            return False
        if now != found:
            return True
    return False


class _Owner:
    """Writes the object, and again with each beat, until the block ends."""

    def __init__(self, lock: RemotePath, beat: float):
        self._lock, self._beat, self._count = lock, beat, 0
        self._token, self._ended = uuid.uuid4().hex, threading.Event()
        self._thread = threading.Thread(target=self._run, name="run-lock", daemon=True)

    def __enter__(self) -> None:
        self._write()
        self._thread.start()

    def __exit__(self, *error) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(StorageError):
            if self._is_ours():
                self._lock.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._ended.wait(self._beat):
            try:
                if not self._is_ours():
                    print_warning(f"another trainer took {self._lock.parent}; stop one of the two")
                    return
                self._write()
            except (StorageError, OSError):
                continue  # the training itself meets the fault, or it passes

    def _is_ours(self) -> bool:
        return (_read(self._lock) or {}).get("token") == self._token

    def _write(self) -> None:
        self._count += 1
        owner = {"process": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}
        self._lock.write_bytes(json.dumps({**owner, "token": self._token, "beat": self._count}).encode())
