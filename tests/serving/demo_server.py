"""A server of the model in the box, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import time
from collections.abc import Iterator, Sequence

_START_S = 300


@contextlib.contextmanager
def demo_server(command: Sequence[str], folder: pathlib.Path) -> Iterator[str]:
    """Runs t2t-query-server and gives its address.

    Args:
        command: the program and what comes before its flags.
        folder: where it runs and its log is kept.
    """
    log = folder / "server.log"
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*command, "--demo", "--port=0", "--timeout_s=300"], stdout=file, stderr=file, cwd=folder
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait(timeout=120)


def _address(process: subprocess.Popen, log: pathlib.Path) -> str:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        for line in log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                if "url" in (event := json.loads(line)):
                    return event["url"].rstrip("/")
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))
