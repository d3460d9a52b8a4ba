"""docs/new_modality.md, as written there: its modality is generated, inspected, trained, evaluated and decoded."""

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "new_modality.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S))


def run(line: str) -> subprocess.CompletedProcess:
    name, *flags = shlex.split(line)
    module = f"t2t_multimodel.bin.{name.replace('-', '_')}"
    return subprocess.run([sys.executable, "-m", module, *flags], capture_output=True, text=True)


@pytest.fixture
def project(tmp_path, monkeypatch) -> pathlib.Path:
    """A folder with what the page speaks of: tables of 5 to 9 rows, and whether they rise or fall."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_modalities").mkdir()
    (tmp_path / "my_modalities/sensor.py").write_text(block("python"), encoding="utf-8")
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("dev", 4)):
        folder = tmp_path / "corpora/sensor" / split
        folder.mkdir(parents=True)
        for number in range(count):
            rises = number % 2 == 0
            table = np.sort(rng.normal(size=(5 + number % 5, 3)), axis=0)
            np.savetxt(folder / f"{number}.csv", table if rises else table[::-1], delimiter=",")
            (folder / f"{number}.txt").write_text(f"value number {number} {'rises' if rises else 'falls'}\n")
    (tmp_path / "inputs.txt").write_text("corpora/sensor/dev/0.csv\nmissing.csv\ncorpora/sensor/dev/1.csv\n")
    return tmp_path


def test_the_modality_and_its_problem_take_at_most_sixty_lines():
    code = block("python")
    assert 30 < len(code.splitlines()) <= 60
    assert code.count("@register_modality") == code.count("@register_problem") == 1


def test_as_written(project):
    results = {}
    for line in block("sh").splitlines():
        results[line.split()[0]] = run(line)
    assert [name for name, result in results.items() if result.returncode] == ["t2t-decoder"], results
    assert "length in rows" in results["t2t-inspect"].stdout
    assert "sensor_report" in results["t2t-trainer"].stdout and "wer" in results["t2t-eval"].stdout
    decoded = results["t2t-decoder"]
    assert decoded.stdout.count("\n") == 3 and "inputs.txt:2: missing.csv" in decoded.stderr
    assert "Traceback" not in decoded.stderr


def test_lengths_are_rows_also_where_the_index_is_built_anew(project):
    datagen, inspect = block("sh").splitlines()[:2]
    assert run(datagen).returncode == 0
    before = run(inspect).stdout
    for index in (project / "data/sensor").glob("*.index.npz"):
        index.unlink()
    assert run(inspect).stdout == before and "5" in before
