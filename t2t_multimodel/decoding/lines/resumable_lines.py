"""A file of outputs that grows as they come, and that an interrupted command continues."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from t2t_multimodel import paths
from t2t_multimodel.data import storage
from t2t_multimodel.errors import PathError


class Lines(Protocol):
    """Where lines of outputs go.

    Attributes:
        done: lines that an earlier, interrupted command wrote; they are not made again.
        failed: inputs among them that could not be decoded.
    """

    done: int
    failed: int

    def add(self, lines: Sequence[str], failed: int = 0) -> None:
        """Writes lines at once; `failed` of them stand for inputs that could not be decoded."""

    def finish(self) -> None:
        """Ends the file."""


class PrintedLines:
    """Lines on standard output."""

    done = failed = 0

    def add(self, lines: Sequence[str], failed: int = 0) -> None:
        """Prints lines."""
        del failed
        print(*lines, sep="\n", flush=True)

    def finish(self) -> None:
        """Nothing is left to do."""


class ResumableLines:
    """Lines that are collected in `<path>.part` and become `path` at the end.

    `<path>.part.json` says how many of them are whole, and of what: a command with the same `key` goes on after them.
    Lines for an object of a store are collected on this machine and uploaded at the end. A pipe or device is written as
    it is. Where writing fails, all further lines are printed instead.

    Args:
        path: the file.
        key: what the lines are made of; None never continues.

    Raises:
        PathError: the file cannot be opened.

    Example:
        lines = ResumableLines("out.txt", key="abc")
        lines.add(["one"])
        lines.finish()
    """

    def __init__(self, path: str, key: str | None):
        self._path, self._key = storage.at(path), key
        storage.check_store(path)
        self._part, self._note = storage.growing_file(path, ".part"), storage.growing_file(path, ".part.json")
        self._is_device = self._path.exists() and not self._path.is_file()
        self.done, self.failed = self._continued()
        self._count, self._error = self.done, None
        try:
            self._file = self._open()
        except OSError as error:
            raise PathError(paths.describe_os_error(error)) from error

    def add(self, lines: Sequence[str], failed: int = 0) -> None:
        """Writes lines at once; `failed` of them stand for inputs that could not be decoded."""
        if self._error is None:
            try:
                self._write(lines)
                self._count += len(lines)
                self.failed += failed
                self._remember()
                return
            except OSError as error:
                self._error = error
        print(*lines, sep="\n", flush=True)

    def finish(self) -> None:
        """Puts the file in its place.

        Raises:
            PathError: some lines were printed, as they could not be written.
        """
        if self._error is None:
            try:
                self._file.close()
                if not self._is_device:
                    storage.move(self._part, self._path)
            except OSError as error:
                self._error = error
        if self._error is not None:
            self._give_up(self._error)
        self._note.unlink(missing_ok=True)

    def _give_up(self, error: OSError) -> None:
        error.filename = str(self._path)
        with contextlib.suppress(OSError):
            self._file.close()
        if not self._count and not self._is_device:
            self._part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        kept = f"outputs after the first {self._count}, which are in {self._part}," if self._count else "the outputs"
        raise PathError(f"{paths.describe_os_error(error)}; {kept} were printed instead") from error

    def _continued(self) -> tuple[int, int]:
        """Lines of an interrupted command with the same key, and how many of them failed."""
        if self._key is None or self._is_device:
            return 0, 0
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["key"] == self._key and self._part.stat().st_size >= note["bytes"]:
                os.truncate(self._part, note["bytes"])  # a line that was cut
                return int(note["lines"]), int(note["failed"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, 0

    def _open(self) -> BinaryIO:
        if self._is_device:
            return open(self._path, "wb")
        return open(self._part, "ab" if self.done else "wb")

    def _write(self, lines: Sequence[str]) -> None:
        self._file.write("".join(f"{line}\n" for line in lines).encode())
        self._file.flush()

    def _remember(self) -> None:
        if self._key is None or self._is_device:
            return
        note = {"key": self._key, "lines": self._count, "failed": self.failed, "bytes": self._file.tell()}
        storage.write_atomically(self._note, json.dumps(note).encode())
