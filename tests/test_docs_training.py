"""The commands of docs/training.md and docs/finetuning.md run, in their order, on the mini suite."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from tests import page_blocks, warm_commands

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
LONG = ("--train_steps=2000", "--train_steps=200")  # trainings that are not short take this many steps here:
SHORT = ("--train_steps=12", "--eval_steps=1")


def shortened(words: list[str]) -> list[str]:
    """A command whose training is not long."""
    return [part for word in words for part in (SHORT if word in LONG else (word,))]


@pytest.mark.slow
def test_every_command_of_the_page_runs(mini_data, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mini").symlink_to(mini_data)
    found = page_blocks.lines_of("docs/training.md")
    assert len(found) > 5
    for line in found:
        warm_commands.run_line(line, tmp_path, lambda words: warm_commands.with_small_model(shortened(words)))


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
    found = page_blocks.lines_of("docs/finetuning.md")
    assert len(found) > 8
    for line in found:
        warm_commands.run_line(line.replace("=206", "=18").replace("=204", "=16"), tmp_path, shortened)
    code = "\n".join(page_blocks.lines_of("docs/finetuning.md", "python"))
    assert "encoder/" in warm_commands.run_python(code, tmp_path)
