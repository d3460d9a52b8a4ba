"""Local copies of objects that are read here and there, such as shards."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
from typing import Any

import google_crc32c

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.remote import store
from t2t_multimodel.data.remote.path import RemotePath, RemoteStat
from t2t_multimodel.errors import StorageError

VARIABLE = "T2T_CACHE_DIR"
_BLOCK = 1 << 22
# Objects up to this size are read in one go, which makes larger requests.
_WHOLE_BYTES = 1 << 28

_checked: set[tuple[pathlib.Path, RemoteStat]] = set()


def cache_folder() -> pathlib.Path:
    """`$T2T_CACHE_DIR`, else `t2t_multimodel` in the user's folder of caches; it can be deleted between runs."""
    if named := os.environ.get(VARIABLE):
        return pathlib.Path(named).expanduser()
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "t2t_multimodel"


def scratch(*parts: str) -> pathlib.Path:
    """A path in the cache whose folder exists, for files that are made here and then uploaded."""
    path = cache_folder().joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def key_of(path: RemotePath) -> str:
    """A file name for an address."""
    return f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}-{path.name[:100]}"


def local_copy(path: RemotePath) -> pathlib.Path:
    """A local copy of an object, fetched unless a whole one of the same size and time is there.

    The copy's size and checksum are compared once in a process. It appears when it is whole: a transfer that breaks off
    leaves at most a part, which nobody reads and the next transfer replaces. Processes that want the same object wait
    for the one that fetches it.

    Raises:
        FileNotFoundError: there is no such object.
        StorageError: the store does not answer, or the object changed while it was read.
    """
    wanted, file = path.stat(), scratch("objects", key_of(path))
    if (file, wanted) in _checked and file.exists():
        return file
    with open(f"{file}.lock", "w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: both fetch
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(file, path, wanted):
            _fetch(path, wanted, file)
    _checked.add((file, wanted))
    return file


def _note(path: RemotePath, stat: RemoteStat, crc: int) -> dict[str, Any]:
    return {"url": str(path), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "crc32c": crc}


def _is_whole(file: pathlib.Path, path: RemotePath, wanted: RemoteStat) -> bool:
    try:
        note = json.loads(pathlib.Path(f"{file}.json").read_text(encoding="utf-8"))
        if note != _note(path, wanted, note["crc32c"]):
            return False
        crc = 0
        with open(file, "rb") as stored:
            while block := stored.read(_BLOCK):
                crc = google_crc32c.extend(crc, block)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if file.stat().st_size == wanted.st_size and crc == note["crc32c"]:
        return True
    print_warning(f"{file}, a copy of {path}, is damaged; it is fetched again")
    return False


def _fetch(path: RemotePath, wanted: RemoteStat, file: pathlib.Path) -> None:
    part, note, crc = pathlib.Path(f"{file}.part"), pathlib.Path(f"{file}.json"), 0
    with open(part, "wb") as written:
        for block in _blocks(path, wanted):
            crc = google_crc32c.extend(crc, block)
            written.write(block)
        size = written.tell()
    if size != wanted.st_size or path.stat() != wanted:
        part.unlink()
        raise StorageError(f"{path} changed while it was read; run again when nobody writes it")
    note.unlink(missing_ok=True)
    os.replace(part, file)
    note.write_text(json.dumps(_note(path, wanted, crc)), encoding="utf-8")


def _blocks(path: RemotePath, wanted: RemoteStat):
    if wanted.st_size <= _WHOLE_BYTES:
        yield path.read_bytes()
        return
    with store.plain_errors(str(path)), store.gfile(str(path)).GFile(str(path), "rb") as source:
        while block := source.read(_BLOCK):
            yield block
