"""The view of a training on a terminal: progress, and a line a problem that is updated in place."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from t2t_multimodel.training.watch.intervals import Interval
from t2t_multimodel.training.watch.plain import format_seconds

_CLEAR_BELOW = "\x1b[J"
_HEAD = ("problem", "steps", "loss", "accuracy", "dev loss", "skipped")
_BAR = 24


def is_terminal(stream: TextIO) -> bool:
    """Whether lines can be updated in place there."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@dataclasses.dataclass
class _Row:
    """What is shown of a problem: sums over the session, means of the last steps."""

    steps: int = 0
    skipped: int = 0
    loss: float | None = None
    accuracy: float | None = None
    dev_loss: float | None = None

    def cells(self, name: str) -> tuple[str, ...]:
        loss, dev_loss = ("" if one is None else f"{one:.3f}" for one in (self.loss, self.dev_loss))
        accuracy = "" if self.accuracy is None else f"{self.accuracy:.1%}"
        return name, str(self.steps), loss, accuracy, dev_loss, str(self.skipped or "")


class TerminalView:
    """Draws the state of a training, in place of what it drew before; what others print stays above it.

    Within its block `sys.stderr` clears the view before it writes. The cursor waits above the view, on an empty line,
    so that a line that goes by another way, such as TensorFlow's, does not break it either.

    Args:
        problems: their names, in the order of the lines.
        seconds: between two drawings, at least.
        stream: a terminal.

    Example:
        with TerminalView(["mini_parsing"]) as view:
            view.show(interval)
    """

    def __init__(self, problems: Iterable[str], *, seconds: float = 1.0, stream: TextIO | None = None):
        self.seconds = seconds
        self._stream = stream or sys.stderr
        self._rows = {name: _Row() for name in problems}
        self._interval: Interval | None = None
        self._visible, self._before = False, None

    def __enter__(self) -> TerminalView:
        self._before, sys.stderr = sys.stderr, _Above(self._stream, self._clear)
        return self

    def __exit__(self, *_) -> None:
        sys.stderr = self._before
        if self._interval is not None:
            self._clear()
            self._stream.write("\n".join(self._lines()) + "\n")
            self._stream.flush()

    def show(self, interval: Interval) -> None:
        """Takes in what the last steps gave, and draws."""
        self._interval = interval
        for name, values in interval.problems.items():
            row = self._rows.setdefault(name, _Row())
            row.steps, row.skipped = row.steps + values.steps, row.skipped + values.skipped
            row.loss, row.accuracy = values.loss, values.accuracy
        self._draw()

    def evaluation(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in the losses of an evaluation."""
        for record in records:
            self._rows.setdefault(record["problem"], _Row()).dev_loss = record["loss"]
        if self._interval is not None:
            self._draw()

    def _draw(self) -> None:
        lines = ["", *self._lines()]
        self._stream.write("\r" + _CLEAR_BELOW + "\n".join(lines) + f"\r\x1b[{len(lines) - 1}A")
        self._stream.flush()
        self._visible = True

    def _clear(self) -> None:
        if self._visible:
            self._stream.write("\r" + _CLEAR_BELOW)
            self._visible = False

    def _lines(self) -> list[str]:
        """The view within the terminal's size; problems that have no room are counted."""
        size, now = shutil.get_terminal_size(), self._interval
        done = now.step / max(now.train_steps, 1)
        bar = ("█" * round(_BAR * done)).ljust(_BAR, "░")
        lines = [
            f"{bar} {done:4.0%}  step {now.step}/{now.train_steps}  {now.steps_per_second:.2f} steps/s"
            f"  {now.targets_per_second:.0f} targets/s  left {format_seconds(now.seconds_left)}"
        ]
        table = [_HEAD, *(row.cells(name) for name, row in self._rows.items())]
        widths = [max(map(len, column)) for column in zip(*table)]
        rows = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
        room = max(size.lines - 3, 1)
        if len(rows) > room:
            rows = [*rows[: room - 1], f"and {len(rows) - room + 1} more problems"]
        return [line[: size.columns - 1].rstrip() for line in (*lines, *rows)]


class _Above:
    """A stream whose text goes above the view."""

    def __init__(self, stream: TextIO, clear):
        self._stream, self._clear = stream, clear

    def write(self, text: str) -> int:
        self._clear()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
