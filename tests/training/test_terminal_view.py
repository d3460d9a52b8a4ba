"""The view on a terminal: a pseudo-terminal, whose screen the test keeps."""

import contextlib
import os
import pty
import re
import struct
import sys
import termios
from fcntl import ioctl

import numpy as np
import pytest

from t2t_multimodel.training.watch.intervals import Interval, ProblemValues
from t2t_multimodel.training.watch.terminal import TerminalView, is_terminal


class Screen:
    """What stands on a terminal of endless height after text with the few sequences that the view writes."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0

    def feed(self, text: str) -> "Screen":
        for code, count, plain in re.findall(r"\x1b\[(\d*)([AJ])|([^\x1b])", text):
            if count == "A":
                self.row -= int(code)
            elif count == "J":
                self.lines[self.row :] = [self.lines[self.row][: self.column]]
            elif plain == "\r":
                self.column = 0
            elif plain == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + plain + line[self.column + 1 :]
                self.column += 1
        return self


@pytest.fixture
def terminal(monkeypatch):
    """A pseudo-terminal of 100 columns: the stream of its program's side, and what was written to it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 100, 0, 0))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.get_terminal_size(theirs))
    os.set_blocking(ours, False)

    def written() -> str:
        found = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                found += os.read(ours, 1 << 16)
        return found.decode()

    with open(theirs, "w", buffering=1, newline="", encoding="utf-8") as stream:
        yield stream, written
    os.close(ours)


def interval(step, **losses):
    values = {
        name: ProblemValues(
            steps=2, skipped=int(not np.isfinite(loss)), loss=loss, accuracy=0.5, gradient_norm=1.0,
            learning_rate=0.1, targets=10.0, dropped=0.0, mixtures={},
        )
        for name, loss in losses.items()
    }  # fmt: skip
    return Interval(
        step=step, train_steps=20, problems=values, seconds=1.0, steps_per_second=2.0, seconds_left=30.0,
        mixture_loss=0.0,
    )  # fmt: skip


def test_lines_of_problems_are_updated_in_place_below_what_others_print(terminal):
    stream, written = terminal
    screen = Screen()
    assert is_terminal(stream)
    with TerminalView(["a", "long_name"], stream=stream) as view:
        view.show(interval(4, a=3.0, long_name=5.0))
        print("warning: one", file=sys.stderr)
        view.show(interval(8, a=2.0))
        os.write(stream.fileno(), b"from another library\r\n")
        view.evaluation([{"problem": "a", "loss": 1.25}])
        view.show(interval(12, a=float("nan")))
        print("warning: two\nand its second line", file=sys.stderr)
        view.show(interval(20, long_name=4.0))
    lines = [line.rstrip() for line in screen.feed(written()).lines]
    assert [line for line in lines[:4] if line] == [
        "warning: one", "from another library", "warning: two", "and its second line",
    ]  # fmt: skip
    progress, head, a, long_name = [line for line in lines[4:] if line]
    assert "100%" in progress and "step 20/20  2.00 steps/s" in progress and "left 0:30" in progress
    assert head.split() == ["problem", "steps", "loss", "accuracy", "dev", "loss", "skipped"]
    assert a.split() == ["a", "6", "nan", "50.0%", "1.250", "1"]
    assert long_name.split() == ["long_name", "4", "4.000", "50.0%"]


def test_the_view_keeps_to_the_terminals_size(terminal):
    stream, written = terminal
    names = [f"problem_{number}_{'x' * 90}" for number in range(12)]
    with TerminalView(names, stream=stream) as view:
        view.show(interval(4, **{names[0]: 3.0}))
    lines = [line for line in Screen().feed(written()).lines if line]
    assert len(lines) == 6 and max(map(len, lines)) < 100
    assert lines[-1] == "and 9 more problems"


def test_an_error_leaves_the_view_and_gives_stderr_back(terminal):
    stream, written = terminal
    before = sys.stderr
    with pytest.raises(ValueError), TerminalView(["a"], stream=stream) as view:
        view.show(interval(4, a=3.0))
        raise ValueError
    assert sys.stderr is before
    assert Screen().feed(written()).lines[-1] == ""


def test_no_view_where_lines_cannot_be_updated(terminal, monkeypatch, tmp_path):
    stream, _ = terminal
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(stream)
    monkeypatch.setenv("TERM", "xterm")
    with open(tmp_path / "file", "w") as file:
        assert not is_terminal(file)
