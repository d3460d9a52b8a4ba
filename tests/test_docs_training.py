"""The commands of docs/training.md and docs/finetuning.md run, in their order, on the mini suite."""

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests import page_blocks, warm_commands

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
LONG = ("--train_steps=2000", "--train_steps=200")  # trainings that are not short take this many steps here:
SHORT = ("--train_steps=12", "--eval_steps=1")


def commands(page: str) -> list[list[str]]:
    """The words of each line of a page's sh blocks that starts a command of ours."""
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    return [shlex.split(line) for line in lines if line.startswith("t2t-")]


def run(words: list[str], folder: pathlib.Path) -> None:
    module = f"t2t_multimodel.bin.{words[0].replace('-', '_')}"
    rest = [part for word in words[1:] for part in (SHORT if word in LONG else (word,))]
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


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures by class."""
    for number, colour in enumerate(("red", "green")):
        folder = tmp_path / "pictures" / "train" / colour
        folder.mkdir(parents=True)
        for at in range(12):
            pixels = np.full((32, 32, 3), 40 + at, np.uint8)
            pixels[..., number] = 200
            Image.fromarray(pixels).save(folder / f"{at}.png")


@pytest.mark.slow
def test_every_command_of_the_page_of_fine_tuning_runs(pictures, tmp_path):
    (tmp_path / "docs").symlink_to(DOCS)
    found = commands("finetuning.md")
    assert len(found) > 8
    for words in found:
        run([word.replace("=206", "=18").replace("=204", "=16") for word in words], tmp_path)
    code = "\n".join(page_blocks.lines_of("docs/finetuning.md", "python"))
    assert "encoder/" in warm_commands.run_python(code, tmp_path)
