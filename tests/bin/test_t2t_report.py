"""Tests of the command t2t-report."""

import json
import os
import subprocess
import sys

import pytest


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture
def folder(tmp_path):
    line = {"step": 5, "problem": "a", "split": "dev", "loss": 2.0, "baseline_loss": 4.0}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path / "run"


def test_files_and_tables_without_tensorflow(folder, tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    files = [f"--html={tmp_path}/new/p.html", f"--json={tmp_path}/p.json", f"--markdown={tmp_path}/p.md"]
    result = run(str(folder), str(tmp_path / "none"), *files, PYTHONPATH=str(tmp_path / "hidden"))
    assert result.returncode == 0 and result.stdout == "", result.stderr
    assert (tmp_path / "new/p.html").read_text().count("<h2>a</h2>") == 1
    assert json.loads((tmp_path / "p.json").read_text())["runs"][0]["mean_relative_loss"] == 0.5
    assert "| run | 5 | 2 |" in (tmp_path / "p.md").read_text()
    assert "| run | 5 | 2 |" in run(str(folder)).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "no run was given"), (["nowhere"], "nowhere is no folder; give"), (["x", "--html=/"], "it is a folder")],
)
def test_wrong_use_is_one_line_and_status_1(arguments, words):
    result = run(*arguments)
    assert result.returncode == 1 and words in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
