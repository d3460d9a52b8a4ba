"""The suite's own `--minutes`."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("minutes", "outcome"), [(0, "1 skipped"), (9, "1 passed")])
def test_tests_that_would_begin_too_late_are_skipped(minutes, outcome):
    case = "tests/test_process.py::test_garbage_is_collected_seldom_and_never_more_often"
    command = [sys.executable, "-m", "pytest", "-rs", f"--minutes={minutes}", case]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and outcome in done.stdout
    assert ("minutes of --minutes are over" in done.stdout) == (minutes == 0)
