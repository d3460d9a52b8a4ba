"""Tests of the command t2t-inspect."""

import os
import subprocess
import sys

import pytest


def run(*flags: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_inspect", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_text_page_and_files_without_tensorflow(mini_data, tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    result = run(
        "--problem=mini_parsing,mini_caption",
        f"--data_dir={mini_data}",
        "--split=dev",
        "--examples=2",
        "--hparams_set=multimodel_mini",
        "--hparams=batching.batch_tokens=100",
        f"--html={tmp_path / 'page.html'}",
        f"--to_dir={tmp_path / 'media'}",
        PYTHONPATH=str(tmp_path / "hidden"),
    )
    assert result.returncode == 0, result.stderr
    assert "mini_parsing, dev" in result.stdout and "--- example 1" in result.stdout
    assert "batches of multimodel_mini" in result.stdout and "  NP" in result.stdout
    assert len(list((tmp_path / "media").glob("mini_caption-dev-*.png"))) == 2
    assert (tmp_path / "page.html").read_text().count("<img") == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data_dir=x"], "--problem is missing"),
        (["--problem=mini_parsin", "--data_dir=x"], "did you mean mini_parsing"),
        (["--problem=mini_parsing", "--data_dir=x"], "run t2t-datagen"),
        (["--problem=mini_parsing", "--data_dir=x", "--hparams_set=multimodel_bas"], "did you mean multimodel_base"),
    ],
)
def test_wrong_use_is_one_line_and_status_1(flags, words):
    result = run(*flags)
    assert result.returncode == 1 and words in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
