import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

_USER_MODULE = '''
"""A user's problem."""
import time
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.registry import register_problem


@register_problem("user_copy")
class UserCopy(Problem):
    inputs = SymbolSpec()
    targets = SymbolSpec()
    options = {"pause": 0.0}
    source_help = "give --source_dir=FOLDER with text.txt"

    def examples(self, split, source):
        folder = self.require_source(source)
        for number, line in enumerate((folder / "text.txt").read_text().splitlines()):
            if (number % 10 == 0) != (split == "dev") or split == "test":
                continue
            time.sleep(source.options["pause"])
            yield {"inputs": line, "targets": line}
'''


@pytest.fixture
def user(tmp_path) -> pathlib.Path:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "user_problems.py").write_text(_USER_MODULE)
    (tmp_path / "source").mkdir()
    lines = [f"line {number} of {number % 7} words" for number in range(400)]
    (tmp_path / "source" / "text.txt").write_text("\n".join(lines))
    return tmp_path


def _command(folder: pathlib.Path, *flags: str) -> list[str]:
    module = [sys.executable, "-m", "t2t_multimodel.bin.t2t_datagen"]
    shared = [f"--t2t_usr_dir={folder / 'usr'}", "--vocab_size=400", "--num_workers=1", "--num_shards=3"]
    return [*module, *shared, *flags]


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _digests(folder: pathlib.Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".npz"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_killed_run_continues_to_the_same_bytes(user):
    def flags(folder):
        return [f"--data_dir={user / folder}", f"--source_dir={user / 'source'}", "--problem=user_copy"]

    done = _run(_command(user, *flags("whole"), "--problem_options=pause=0.001"))
    assert done.returncode == 0, done.stderr
    assert "user_copy" in done.stdout and "360" in done.stdout
    slow = subprocess.Popen(_command(user, *flags("cut"), "--problem_options=pause=0.001"), stdout=subprocess.DEVNULL)
    # The vocabulary is there, the data are not yet finished.
    deadline = time.monotonic() + 60
    while not (user / "cut" / "vocab.json").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    slow.send_signal(signal.SIGKILL)
    slow.wait()
    assert not (user / "cut" / "user_copy.json").exists()
    again = _run(_command(user, *flags("cut"), "--problem_options=pause=0.001"))
    assert again.returncode == 0, again.stderr
    assert _digests(user / "cut") == _digests(user / "whole")
    assert "nothing to do" in _run(_command(user, *flags("cut"), "--problem_options=user_copy.pause=0.001")).stdout


@pytest.mark.parametrize(
    "flags, words",
    [
        ([], "--problem is missing"),
        (["--problem=user_copy"], "--data_dir is missing"),
        (["--problem=user_cpy", "--data_dir={}/data"], "did you mean user_copy"),
        (["--problem=user_copy", "--data_dir={}/data"], "text.txt"),
        (["--problem=user_copy", "--data_dir={}/data", "--problem_options=paus=1"], "did you mean pause"),
        (["--problem=user_copy", "--data_dir={}/data", "stray"], "stray"),
    ],
)
def test_wrong_use_is_one_line_and_status_1(user, flags, words):
    result = _run(_command(user, *[flag.format(user) for flag in flags]))
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1 and words in result.stderr
    assert not (user / "data" / "tmp").exists()


def test_help_and_registry_do_not_import_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    module = [sys.executable, "-m", "t2t_multimodel.bin.t2t_datagen"]
    for flag, word in (("--help", "--num_shards"), ("--registry_help", "mini_parsing")):
        result = subprocess.run([*module, flag], capture_output=True, text=True, env=environment, check=False)
        assert result.returncode == 0 and word in result.stdout, result.stderr
