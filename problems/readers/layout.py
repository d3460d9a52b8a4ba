"""Finds the files of a corpus below --source_dir: by pattern, at most four folders deep, and by the names of splits."""

from __future__ import annotations

import fnmatch
import os
import pathlib

from t2t_multimodel.data.text_lines import without_mark
from t2t_multimodel.errors import SourceError

_DEPTH = 4
_SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation"),
    "test": ("test", "testing"),
}


def nearest(folder: pathlib.Path, *patterns: str, directory: bool = False) -> pathlib.Path | None:
    """The matching file (or folder) that is nearest to the top.

    Args:
        folder: where to start; searched at most four levels deep.
        *patterns: shell patterns of the last path component, ignoring case, the preferred first.
        directory: look for folders instead of files.

    Returns:
        its path, or None.
    """
    for pattern in patterns:
        level = [str(folder)]
        for _ in range(_DEPTH):
            entries = [entry for parent in level for entry in _entries(parent)]
            for entry in entries:
                if fnmatch.fnmatchcase(entry.name.lower(), pattern.lower()) and entry.is_dir() == directory:
                    return pathlib.Path(entry.path)
            level = [entry.path for entry in entries if entry.is_dir()]
    return None


def of_split(folder: pathlib.Path, split: str, suffix: str = "", *, directory: bool = False) -> pathlib.Path | None:
    """The file (or folder) of one split directly in a folder, by the names people use, ignoring case.

    Args:
        folder: where to look.
        split: ``"train"``, ``"dev"`` or ``"test"``; dev is also called val, valid and validation.
        suffix: what follows the split's name, e.g. ``".tsv"``.
        directory: look for a folder instead of a file.

    Returns:
        its path, or None.

    Raises:
        SourceError: there are several.
    """
    wanted = {name + suffix for name in _SPLIT_NAMES[split]}
    entries = [entry for entry in _entries(str(folder)) if entry.name.lower() in wanted]
    found = [entry.path for entry in entries if (entry.is_dir() if directory else entry.is_file())]
    if len(found) > 1:
        raise SourceError(f"{found[0]} and {found[1]} both exist for {split}; keep one of them")
    return pathlib.Path(found[0]) if found else None


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def text_of(data: bytes) -> str:
    """Text of a small corpus file without byte order marks: each line UTF-8, else Latin-1, which never fails."""
    return "\n".join(_line_text(without_mark(line)) for line in data.split(b"\n"))


def _line_text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
