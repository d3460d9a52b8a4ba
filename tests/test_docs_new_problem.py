"""docs/new_problem.md, as written there: its problem, its commands and its entry-point group."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.metadata import Metadata
from tests import page_blocks, warm_commands

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "new_problem.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The page's one block of a language that defines something; of sh, all commands."""
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S))


def command(name: str, words: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs the page's line of command `name` that holds `words`, by this interpreter."""
    (line,) = [line for line in block("sh").splitlines() if line.startswith(f"{name} ") and words in line]
    return run(shlex.split(line)[1:], name, **environment)


def run(flags: list[str], name: str = "t2t-datagen", **environment: str) -> subprocess.CompletedProcess:
    module = f"t2t_multimodel.bin.{name.replace('-', '_')}"
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-m", module, *flags], capture_output=True, text=True, env=environment)


@pytest.fixture
def project(tmp_path, monkeypatch) -> pathlib.Path:
    """A folder with what the page speaks of."""
    monkeypatch.chdir(tmp_path)
    for folder in ("my_problems", "corpora/reviews"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "my_problems/review_sentiment.py").write_text(block("python"), encoding="utf-8")
    reviews = [f"{'pos' if number % 3 else 'neg'}\treview {number} of it" for number in range(30)]
    (tmp_path / "corpora/reviews/train.tsv").write_text("\n".join([*reviews, "no label"]))
    (tmp_path / "corpora/reviews/dev.tsv").write_text("neg\tdull\npos\tbright\n")
    return tmp_path


def test_the_problem_takes_at_most_twenty_lines():
    code = block("python")
    assert 10 < len(code.splitlines()) <= 20
    assert code.count("@register_problem") == 1


def check(data: pathlib.Path) -> None:
    meta = Metadata.load(data, "review_sentiment")
    assert {split: stats.examples for split, stats in meta.splits.items()} == {"train": 30, "dev": 2, "test": 0}
    assert meta.splits["train"].dropped == {"line that is not neg or pos, tab, review": 1}
    assert meta.target_histogram == {0: 10, 1: 20} and meta.vocabulary


def test_usr_dir_as_written(project):
    generated = command("t2t-datagen", "review_sentiment")
    assert generated.returncode == 0, generated.stderr
    assert "corpora/reviews/train.tsv: line 31" in generated.stderr
    check(project / "data/reviews")
    shown = command("t2t-inspect", "review_sentiment")
    assert shown.returncode == 0, shown.stderr
    assert "30 examples in the shards" in shown.stdout and "--- example 1" in shown.stdout


@pytest.mark.slow
def test_the_class_is_trained_as_written(project):
    lines = page_blocks.lines_of("docs/new_problem.md", section="An own Problem class")
    printed = [warm_commands.run_line(line, project, warm_commands.shortened) for line in lines]
    assert "review_sentiment" in printed[-1] and (project / "runs/reviews/metrics.jsonl").exists()


def test_entry_point_as_written(project):
    (group, lines) = re.fullmatch(r'\[project\.entry-points\."([\w.]+)"\]\n(.*)', block("toml"), re.S).groups()
    package = project / "site"
    (package / "reviews-1.0.dist-info").mkdir(parents=True)
    (project / "my_problems/review_sentiment.py").rename(package / "review_sentiment.py")
    (package / "reviews-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: reviews\nVersion: 1.0\n")
    entry_points = f"[{group}]\n{lines.replace(chr(34), '')}"
    (package / "reviews-1.0.dist-info/entry_points.txt").write_text(entry_points)
    flags = ["--problem=review_sentiment", "--source_dir=corpora/reviews", "--data_dir=data/installed"]
    assert "unknown problem" in run(flags).stderr
    generated = run(flags, PYTHONPATH=str(package))
    assert generated.returncode == 0, generated.stderr
    check(project / "data/installed")


def test_commands_and_problems_without_code_exist():
    names = re.findall(r"--problem=(\S+)", block("sh"))
    known = {*registry.problem_names(), "review_sentiment"}
    assert names and {part for name in names for part in name.split(",")} <= known
    for name in ("text2text_folder", "image_folder", "caption_tsv", "speech_tsv"):
        assert f"| `{name}` |" in PAGE
