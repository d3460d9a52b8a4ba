"""One trainer owns a run folder at a time: a lock that dies with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.remote_lock import remote_lock

FILE = "train.lock"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def run_lock(output_dir: str | os.PathLike) -> Iterator[None]:
    """Holds the lock of a run folder within the block; makes the folder where it is missing.

    The kernel frees the lock when the process ends, however it ends. Where a file system has no locks, a warning says
    so and the block runs without one. For a folder in an object store see `remote_lock`.

    Args:
        output_dir: the run folder.

    Raises:
        TrainingError: another trainer holds it.

    Example:
        with run_lock("runs/mini"):
            ...
    """
    folder = storage.at(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(folder, pathlib.Path):
        with remote_lock(folder / FILE):
            yield
        return
    with open(folder / FILE, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise _owned(folder, file, error) from None
            print_warning(
                f"{folder} is on a file system without locks ({error.strerror}); make sure that no other trainer"
                " writes to it"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _owned(folder: pathlib.Path, file, error: OSError) -> TrainingError:
    if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
        error.filename = error.filename or file.name
        raise error
    file.seek(0)
    owner = file.read(200).strip() or "another process"
    return TrainingError(f"{folder} is being trained by {owner}; wait for it, or give another --output_dir")
