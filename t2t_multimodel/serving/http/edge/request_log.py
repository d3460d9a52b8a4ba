"""One JSON object a line for each request: what it was and how it ended, never what was in it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import time
import traceback
from typing import Any, TextIO


@dataclasses.dataclass
class RequestRecord:
    """What is known of a request while it is served; it stands in the ASGI scope as ``record``.

    Attributes:
        id: random, in the answer as ``X-Request-Id``.
        method, path: of the request; the path is that of the route, or "" where there is none.
        problem: name of the problem, "" where there is none.
        inputs: how many it had.
        began: `time.monotonic` at its begin.
        status: of the answer; 499 where the client went before it.
    """

    id: str
    method: str = ""
    path: str = ""
    problem: str = ""
    inputs: int = 0
    began: float = dataclasses.field(default_factory=time.monotonic)
    status: int = 499

    @property
    def seconds(self) -> float:
        """Since the request began."""
        return time.monotonic() - self.began


class RequestLog:
    """Writes the lines.

    Args:
        stream: where to; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr

    def request(self, record: RequestRecord) -> None:
        """A request that ended."""
        self._write(
            request=record.id,
            method=record.method,
            path=record.path,
            problem=record.problem,
            inputs=record.inputs,
            status=record.status,
            ms=round(record.seconds * 1e3, 1),
        )

    def fault(self, record: RequestRecord, error: BaseException) -> None:
        """A fault of the server: where it happened, without the message, which may quote the request."""
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        self._write(request=record.id, event="fault", error=type(error).__name__, at=places[-8:])

    def event(self, name: str, **values: Any) -> None:
        """Something that is no request, such as the server's start."""
        self._write(event=name, **values)

    def _write(self, **values: Any) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        print(json.dumps({"time": now, **values}), file=self._stream, flush=True)
