"""The commands of docs/training.md and docs/finetuning.md run, in their order, on the mini suite."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
LONG = "--train_steps=2000"  # the one training that is not short takes this many steps here:
SHORT = ("--train_steps=12", "--eval_steps=1")


def commands(page: str) -> list[list[str]]:
    """The words of each line of a page's sh blocks that starts a command of ours."""
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    return [shlex.split(line) for line in lines if line.startswith("t2t-")]


def run(words: list[str], folder: pathlib.Path) -> None:
    module = f"t2t_multimodel.bin.{words[0].replace('-', '_')}"
    rest = [part for word in words[1:] for part in (SHORT if word == LONG else (word,))]
    done = subprocess.run([sys.executable, "-m", module, *rest], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.slow
def test_every_command_of_the_page_runs(mini_data, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mini").symlink_to(mini_data)
    found = commands("training.md")
    assert len(found) > 5
    for words in found:
        run(words, tmp_path)
