"""The files of checkpoints: which are whole, which is the newest, and what a broken save left behind.

A checkpoint is `ckpt-N.index`, its `ckpt-N.data-*` and, written last, `ckpt-N.done` with the sizes of the others. While
it is written, `ckpt-N.saving` stands beside it. One with neither, as older versions wrote them, is whole if all its
tensors can be read.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.errors import CheckpointError

PREFIX = "ckpt"
_FILE = re.compile(rf"({PREFIX}-(\d+))\.(index|done|data-\d{{5}}-of-\d{{5}})")
_ENDING = re.compile(r"\.(index|done|data-\d{5}-of-\d{5})$")
_NAMED = re.compile(rf'^model_checkpoint_path: "(?:.*/)?{PREFIX}-(\d+)"', re.MULTILINE)
_LEFTOVER = re.compile(
    rf"{PREFIX}-\d+(_temp.*|\..*\.tempstate\d+)|\.(checkpoint|ckpt|model|metrics|vocab|label).*\.tmp"
)


def steps(output_dir: str | os.PathLike) -> list[int]:
    """Steps that were saved, rising, whether all their files are whole or not; saves that never ended do not count."""
    folder = storage.at(output_dir)
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found = {int(match[2]) for name in names if (match := _FILE.fullmatch(name))}
    return sorted(step for step in found if not _broken_off(f"{PREFIX}-{step}", names))


def named_step(output_dir: str | os.PathLike) -> int | None:
    """The step that TensorFlow's file `checkpoint` names as the newest, or None."""
    try:
        match = _NAMED.search((storage.at(output_dir) / "checkpoint").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return int(match[1]) if match else None


def name_newest(output_dir: str | os.PathLike, kept: Sequence[int]) -> None:
    """Writes TensorFlow's file `checkpoint`, by which its own tools find the newest.

    Args:
        output_dir: the run folder.
        kept: steps of the checkpoints, rising.
    """
    lines = [f'model_checkpoint_path: "{PREFIX}-{kept[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{PREFIX}-{step}"' for step in kept]
    storage.write_atomically(storage.at(output_dir) / "checkpoint", ("\n".join(lines) + "\n").encode())


def _broken_off(name: str, names: set[str]) -> bool:
    """Whether a save or a removal never ended."""
    return f"{name}.saving" in names and f"{name}.done" not in names


def path_of(output_dir: str | os.PathLike, step: int) -> str:
    """The path of a step's checkpoint as TensorFlow takes it, without an ending."""
    return str(storage.at(output_dir) / f"{PREFIX}-{step}")


def fault(path: str) -> str | None:
    """Why a checkpoint is not whole, in a few words; None if it is.

    Args:
        path: without an ending.

    Example:
        fault("runs/mini/ckpt-100")  # "ckpt-100.index is missing"
    """
    index, marker = storage.at(f"{path}.index"), storage.at(f"{path}.done")
    if not index.exists():
        return f"{index.name} is missing"
    if not marker.exists():
        return _unreadable(path)
    try:
        sizes = json.loads(marker.read_text(encoding="utf-8"))["bytes"]
        wrong = [name for name, size in sizes.items() if _size(index.parent / name) != size]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _unreadable(path)  # the marker itself is damaged
    if not wrong:
        return None
    found = _size(index.parent / wrong[0])
    return f"{wrong[0]} is missing" if found is None else f"{wrong[0]} has {found} of {sizes[wrong[0]]} bytes"


@contextlib.contextmanager
def saving(path: str) -> Iterator[None]:
    """Within the block a checkpoint is written; it counts once the block has ended without an error."""
    storage.at(f"{path}.saving").touch()
    storage.at(f"{path}.done").unlink(missing_ok=True)
    yield
    files = [file for file in _files(path) if not file.name.endswith(".done")]
    for file in files:
        _sync(file)
    sizes = {file.name: file.stat().st_size for file in files}
    storage.write_atomically(f"{path}.done", json.dumps({"bytes": sizes}).encode())
    _sync(storage.at(path).parent)
    storage.at(f"{path}.saving").unlink(missing_ok=True)


def remove(path: str) -> None:
    """Removes a checkpoint; a removal that is broken off ends at the next `clear_leftovers`."""
    storage.at(f"{path}.saving").touch()
    storage.at(f"{path}.done").unlink(missing_ok=True)
    for file in _files(path):
        file.unlink(missing_ok=True)
    storage.at(f"{path}.saving").unlink(missing_ok=True)


def set_aside(path: str) -> str:
    """Renames a checkpoint to `bad-ckpt-N`, which nobody restores by itself; returns the new path."""
    folder, name = storage.at(path).parent, storage.at(path).name
    for file in _files(path):
        file.replace(folder / f"bad-{file.name}")
    return str(folder / f"bad-{name}")


def clear_leftovers(output_dir: str | os.PathLike) -> None:
    """Removes what broken saves and removals left behind; call it where no other trainer writes."""
    folder = storage.at(output_dir)
    if not folder.is_dir():
        return
    for path in list(folder.iterdir()):
        if _LEFTOVER.fullmatch(path.name):
            storage.remove_tree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in folder.glob(f"{PREFIX}-*.saving"):
        if path.with_suffix(".done").exists():
            path.unlink(missing_ok=True)
        else:
            remove(str(path.with_suffix("")))


def resolve(path: str | os.PathLike) -> str:
    """The path without an ending of what a person gave: a path of TensorFlow's form or any file of the checkpoint.

    Raises:
        CheckpointError: there is no whole checkpoint; the message says what is missing.

    Example:
        resolve("runs/mini/ckpt-100.index")  # "runs/mini/ckpt-100"
    """
    prefix = _ENDING.sub("", os.fspath(path))
    if not _files(prefix):
        folder = storage.at(prefix).parent
        found = steps(folder)
        near = f"{folder} has {', '.join(f'{PREFIX}-{step}' for step in found[-5:])}" if found else "check the path"
        raise CheckpointError(f"there is no checkpoint {prefix}; {near}")
    if reason := fault(prefix):
        raise CheckpointError(
            f"checkpoint {prefix} is damaged ({reason}); restore its files or give another checkpoint"
        )
    return prefix


def _files(path: str) -> list[storage.AnyPath]:
    folder, name = storage.at(path).parent, storage.at(path).name
    if not folder.is_dir():
        return []
    return [file for file in folder.iterdir() if file.name.startswith(f"{name}.") and _ENDING.search(file.name)]


def _size(path: storage.AnyPath) -> int | None:
    return path.stat().st_size if path.exists() else None


def _sync(path: storage.AnyPath) -> None:
    if not isinstance(path, pathlib.Path):  # an object is written when its write returns
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some file systems cannot sync a folder
    finally:
        os.close(handle)


def _unreadable(path: str) -> str | None:
    """Why not all tensors can be read; their checksums are compared."""
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, IndexError) as error:
        return f"it cannot be read: {first_line(error)}"
    return None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
