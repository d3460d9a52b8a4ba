"""Small file helpers: atomic writes and checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a temporary file that replaces `path` when the block ends without an error.

    A pipe or device, such as ``/dev/stdout``, is written as it is.

    Raises:
        OSError: it cannot be written; the error names `path`.

    Example:
        >>> with atomic_file("model.json") as file:
        ...     file.write(b"{}")
        2
    """
    path = pathlib.Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or device is no file that could be replaced
        with open(path, "wb") as file:
            yield file
        return
    with _naming(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        with _naming(path):
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Errors name `path`, not the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data`; at any time `path` is either the old file or the complete new one."""
    with atomic_file(path) as file:
        file.write(data)


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
