"""The clients of docs/serving.md, run as written against a server of the model in the box."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from t2t_multimodel.serving.http.config import Limits

PAGE = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:8080"


def blocks(language):
    clients = PAGE.partition("## Clients")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", clients, re.M | re.S)


@pytest.fixture
def folder(tmp_path, files):
    (tmp_path / "picture.png").write_bytes(files["mini_image_class"])
    (tmp_path / "sound.wav").write_bytes(files["mini_speech"])
    return tmp_path


def test_the_client_in_python(address, folder):
    (code,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", code.replace(ADDRESS, address)], capture_output=True, text=True, cwd=folder, check=True
    )
    first, second, classes, refused = result.stdout.splitlines()
    assert first.endswith(" 4") and "Kreis" in first and "Quadrat" in second
    assert len(eval(classes)) == 5 and refused.startswith("422 ") and "no path" in refused


def test_the_clients_on_the_command_line(address, folder):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; install it to test the examples")
    (lines,) = blocks("sh")
    for line in lines.splitlines():
        done = subprocess.run(line.replace(ADDRESS, address), shell=True, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0
        if "stream" in line:
            assert done.stdout.startswith("event: partial\ndata: ") and "event: output" in done.stdout
        else:
            answer = json.loads(done.stdout)
            assert set(answer) & {"problems", "outputs", "attention"}, answer


def test_the_table_of_limits_is_that_of_the_code():
    limits = Limits()
    table = PAGE.partition("## Limits")[2]
    for value in (
        f"{limits.max_body_bytes >> 20} MB", f"{limits.max_bodies_bytes >> 20} MB", f"{limits.max_values:,}",
        f"| {limits.max_inputs} (", f"| {limits.max_beams} (", f"| {limits.max_extra_length} |",
        f"| {limits.inputs.characters} (", f"| {limits.inputs.ids} |", f"| {limits.inputs.pixels_a_byte:g} |",
        f"| {limits.inputs.seconds:g} (", f"| {limits.timeout_s:g} (", f"| {limits.body_timeout_s:g} (",
        f"{limits.inputs.pixels / 1e6:.1f} million",
    ):  # fmt: skip
        assert value in table, value
