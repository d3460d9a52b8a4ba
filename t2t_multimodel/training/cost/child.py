"""A process of its own for what may take too much memory: asked in JSON lines, it answers in JSON lines.

Where the system ends it for want of memory, the process that asked says so and lives.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO, Any

from t2t_multimodel import process, user_modules
from t2t_multimodel.errors import MultiModelError, TrainingError


class Child:
    """A process that runs a module whose main program calls `serve`.

    Args:
        module: its name.
        request: what it is told first, JSON values.

    Attributes:
        folder: a temporary one, which lives as long as the process.

    Example:
        with Child("t2t_multimodel.training.cost.dry_run", request) as child:
            answer = child.ask(2048)
    """

    def __init__(self, module: str, request: Any):
        self._module, self._request = module, request

    def __enter__(self) -> Child:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        self._errors: IO[bytes] = open(pathlib.Path(self.folder) / "stderr", "w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._send({"modules": user_modules.folders(), "folder": self.folder, "request": self._request})
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                stream.close()
        self._folder.cleanup()

    def ask(self, message: Any) -> dict[str, Any] | None:
        """The answer to a message; None where the system ended the process for want of memory.

        Raises:
            TrainingError: it failed; the line says why.
        """
        self._send(message)
        for line in self._process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                if "error" in answer:
                    raise TrainingError(answer["error"])
                return answer
        status = self._process.wait()
        if status == -signal.SIGKILL:
            return None
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip().splitlines() or [f"status {status}"]
        raise TrainingError(f"the dry run failed ({words[-1][:300]}); run again without it to see what fails")

    def _send(self, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # its end is seen where its answer is read
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()


def serve(make: Callable[[Any, str], Callable[[Any], dict[str, Any]]]) -> None:
    """The main program of a module that a `Child` runs.

    Args:
        make: takes the request and the temporary folder, and gives what answers a message; called at the first one.
    """
    with contextlib.suppress(OSError):  # where memory runs out, the system shall end this process, not its parent
        pathlib.Path("/proc/self/oom_score_adj").write_text("1000")
    process.prepare()
    first = json.loads(sys.stdin.readline())
    answer = None
    for line in sys.stdin:
        try:
            if answer is None:
                user_modules.import_folders(first["modules"])
                answer = make(first["request"], first["folder"])
            reply = answer(json.loads(line))
        except MultiModelError as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)
