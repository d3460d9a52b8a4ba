"""t2t-exporter from outside: the command of docs/serving.md, and one clear line for each error."""

import pathlib
import shlex
import subprocess
import sys

import pytest

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def export(*flags, cwd=None):
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_exporter", *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.slow
def test_the_command_of_the_page_as_written(mini_run, tmp_path):
    (line,) = [line for line in PAGE.splitlines() if line.startswith("t2t-exporter ")]
    (tmp_path / "runs/mini").mkdir(parents=True)
    (tmp_path / "runs/mini/model").symlink_to(mini_run)
    done = export(*shlex.split(line)[1:], "--problem=mini_image_class,mini_speech", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "saved_model/12\n" and (tmp_path / "saved_model/12/saved_model.pb").is_file()
    again = export(*shlex.split(line)[1:], cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.strip().splitlines()[-1] == (
        "error: saved_model/12 is there already; remove it, or give another --export_dir"
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--output_dir is missing"),
        (["--output_dir=nowhere", "--export_dir=file"], "--export_dir=file cannot be written"),
        (["--output_dir=nowhere", "--export_dir=x", "--problem=mini_captoin"], "mini_caption"),
    ],
)
def test_an_error_is_one_line(tmp_path, flags, words):
    (tmp_path / "file").touch()
    done = export(*flags, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if "WARNING" not in line]
    assert done.returncode == 1 and len(lines) == 1 and lines[0].startswith("error: ") and words in lines[0]
