"""Finds the files of a corpus below --source_dir, at most four folders deep."""

from __future__ import annotations

import fnmatch
import os
import pathlib

_DEPTH = 4


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


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def text_of(data: bytes) -> str:
    """Text of a small corpus file: UTF-8, else Latin-1, which never fails."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
