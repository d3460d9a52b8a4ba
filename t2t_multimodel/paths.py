"""Paths as people write them: `~` is resolved here, and what can be known of a path is checked before work begins."""

from __future__ import annotations

import errno
import os
import pathlib
import re
from collections.abc import Mapping

from t2t_multimodel.errors import PathError

_URL = re.compile(r"[a-zA-Z][\w+.-]*://")
_STORE = re.compile(r"(gs|s3)://[^/]+")

_CURES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "give a path that you may use, or change its permissions",
    errno.EPERM: "give a path that you may use, or change its permissions",
    errno.EROFS: "give a path on a disk that can be written",
    errno.ENOTDIR: "a file stands where a folder is needed; give another path",
    errno.EISDIR: "a folder stands where a file is needed; give the path of a file",
    errno.EEXIST: "remove what stands there, or give another path",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some space of your quota and run again",
    errno.EMFILE: "allow more open files (ulimit -n) and run again",
    errno.ENOMEM: "free some memory and run again",
    errno.EIO: "the disk or the network failed; check it and run again",
    errno.ESTALE: "the network file system lost the file; run again",
}


def resolve(path: str | os.PathLike) -> str:
    """A path with `~` replaced by the home folder; addresses such as ``gs://bucket/x`` stay as they are.

    All paths of commands and of the Python functions pass here, so that `~` means the same everywhere.

    Raises:
        PathError: there is no such user.

    Example:
        >>> resolve("gs://bucket/~x")
        'gs://bucket/~x'
    """
    text = os.fspath(path)
    if _URL.match(text) or not text.startswith("~"):
        return text
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        user = text.partition("/")[0]
        raise PathError(f"{text}: there is no user {user[1:]!r}; write ./{text} for a folder of that name")
    return expanded


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path is in an object store: ``gs://bucket/...`` or ``s3://bucket/...``.

    Raises:
        PathError: an address of another kind, or without a bucket.

    Example:
        >>> is_remote("s3://bucket/data"), is_remote("data")
        (True, False)
    """
    text = os.fspath(path)
    if isinstance(text, bytes) or not _URL.match(text):
        return False
    if not _STORE.match(text):
        raise PathError(f"{text}: addresses of this kind are not read; give gs://BUCKET/..., s3://BUCKET/... or a path")
    return True


def resolve_each(
    folders: str | os.PathLike | Mapping[str, str | os.PathLike] | None,
) -> str | dict[str, str] | None:
    """`resolve` of one folder, or of a folder for each problem; None stays None."""
    if isinstance(folders, Mapping):
        return {name: resolve(folder) for name, folder in folders.items()}
    return resolve(folders) if folders else None


def check_input_file(path: str | os.PathLike, name: str) -> None:
    """Raises a PathError where a file cannot be read.

    Args:
        path: the file.
        name: what the user gave it by, e.g. ``"--decode_from_file"``.
    """
    if is_remote(path):
        return
    if os.path.isdir(path):
        raise PathError(f"{name}={path} cannot be read (it is a folder); give the path of a file")
    if not os.path.exists(path):
        raise PathError(f"{name}={path} cannot be read (there is no such file); check the path")
    if not os.access(path, os.R_OK):
        raise PathError(f"{name}={path} cannot be read (permission denied); {_CURES[errno.EACCES]}")


def check_input_folder(path: str | os.PathLike, name: str) -> None:
    """Raises a PathError where a file stands in the place of a folder, or the folder cannot be read.

    A missing folder is no error here: whoever reads it knows which command makes it.
    """
    if is_remote(path):
        return
    found = _nearest(path)
    if not found.is_dir():
        raise PathError(f"{name}={path} cannot be read ({found} is a file); give a folder")
    if not os.access(found, os.R_OK | os.X_OK):
        raise PathError(f"{name}={path} cannot be read (permission denied for {found}); {_CURES[errno.EACCES]}")


def check_output_folder(path: str | os.PathLike, name: str) -> None:
    """Raises a PathError where a folder can neither be written nor be made; makes nothing."""
    if is_remote(path):
        return
    found = _nearest(path)
    if not found.is_dir():
        raise PathError(f"{name}={path} cannot be written ({found} is a file); give a folder")
    if not os.access(found, os.W_OK | os.X_OK):
        raise PathError(f"{name}={path} cannot be written (permission denied for {found}); give a folder you may write")


def check_output_file(path: str | os.PathLike, name: str, *, makes_folder: bool = False) -> None:
    """Raises a PathError where a file cannot be written.

    Args:
        path: the file.
        name: what the user gave it by, e.g. ``"--decode_to_file"``.
        makes_folder: whoever writes the file also makes its folder; otherwise the folder must exist.
    """
    if is_remote(path):
        return
    file = pathlib.Path(path)
    if file.is_dir():
        raise PathError(f"{name}={path} cannot be written (it is a folder); give the path of a file")
    if makes_folder:
        check_output_folder(file.parent, name)
        return
    if not file.parent.exists():
        raise PathError(f"{name}={path} cannot be written (there is no folder {file.parent}); make it, or give another")
    if not file.parent.is_dir():
        raise PathError(f"{name}={path} cannot be written ({file.parent} is a file); give another path")
    target = file if file.exists() and not file.is_file() else file.parent  # a pipe is written itself
    if not os.access(target, os.W_OK):
        raise PathError(f"{name}={path} cannot be written (permission denied for {target}); give another path")


def describe_os_error(error: OSError) -> str:
    """An OSError as one line: path, cause and cure."""
    cause = error.strerror or str(error) or type(error).__name__
    names = " to ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    cure = _CURES.get(error.errno, "check the path and the disk, and run again")
    return f"{names}: {cause}; {cure}" if names else f"{cause}; {cure}"


def _nearest(path: str | os.PathLike) -> pathlib.Path:
    """The path itself, or the nearest folder above it that exists."""
    found = pathlib.Path(os.path.abspath(path))
    while not os.path.lexists(found) and found != found.parent:
        found = found.parent
    return found
