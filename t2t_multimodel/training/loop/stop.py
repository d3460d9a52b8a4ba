"""Stopping on a signal: the step is finished and saved, then the process says so and leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from t2t_multimodel.training.loop.controller import StepOutput

INTERRUPTED = 130


class Stopped(BaseException):
    """Raised where a signal arrives and nothing has to be finished first. Not an Exception: no one shall hold it up."""


class StopOnSignal:
    """Handles SIGTERM and SIGINT within its block; as an action it ends the run after the step of a signal.

    Within `at_once` blocks, such as an evaluation, a signal raises `Stopped` instead of waiting. A second SIGINT leaves
    the process at once. Outside of the main thread, where Python handles no signals, it does nothing.

    Attributes:
        signal: the first signal that arrived, or None.

    Example:
        with StopOnSignal() as stop:
            controller.run(1000, [stop])
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._at_once = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._handle) for one in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def __call__(self, output: StepOutput) -> bool:
        """Whether a signal arrived."""
        del output
        return self.signal is not None

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block a signal raises `Stopped`, also one that arrived before."""
        before, self._at_once = self._at_once, True
        try:
            if self.signal is not None:
                raise Stopped
            yield
        finally:
            self._at_once = before

    def leave(self) -> None:
        """Ends as the signal asks, once all is saved: SIGTERM by SystemExit(0), SIGINT by KeyboardInterrupt."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal is not None:
            if number == signal.SIGINT:
                _say("left at once; what was saved before is whole")
                os._exit(INTERRUPTED)
            return
        self.signal = signal.Signals(number)
        if self._at_once:
            raise Stopped
        _say(f"{self.signal.name}: finishing the step, then saving; a second Ctrl-C leaves at once")


def _say(line: str) -> None:
    """Writes a line to stderr without Python's buffers, which a signal may find locked."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())
