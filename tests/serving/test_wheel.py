"""A wheel brings the page and the model in the box, and serves them where there is no source tree."""

import base64
import json
import pathlib
import subprocess
import sys
import urllib.request
import venv
import zipfile

import pytest

from t2t_multimodel import demo
from tests.serving.demo_server import demo_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("mini_translate_ende", "mini_parsing", "mini_image_class", "mini_caption", "mini_speech")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (found,) = folder.glob("t2t_multimodel-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment that has the wheel and shares all else with the one that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(command, check=True)
    others = [path for path in sys.path if pathlib.Path(path).name in ("site-packages", "dist-packages")]
    (site / "others.pth").write_text("\n".join(others))
    return folder


@pytest.mark.slow
def test_a_wheel_serves_page_and_model(wheel, installed, tmp_path):
    names = set(zipfile.ZipFile(wheel).namelist())
    page = {path.name for path in (ROOT / "t2t_multimodel" / "serving" / "page").iterdir()}
    assert {f"t2t_multimodel/serving/page/{name}" for name in page} <= names and "index.html" in page
    python = installed / "bin" / "python"
    where = "import t2t_multimodel; print(t2t_multimodel.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert found.startswith(str(installed))
    with demo_server([str(python), "-m", "t2t_multimodel.bin.t2t_query_server"], tmp_path) as address:
        for name in ("", *(f"static/{name}" for name in page if name != "index.html")):
            with urllib.request.urlopen(f"{address}/{name}") as answer:
                assert answer.status == 200 and answer.read()
        with urllib.request.urlopen(f"{address}/v1/problems") as answer:
            problems = {one["name"]: one for one in json.load(answer)["problems"]}
        assert {name for name, one in problems.items() if one["examples"]} == set(demo.examples())
        for problem in KINDS:
            assert ask(address, problem)["text"], problem
        assert ask(address, "mini_image_class")["text"] == "red circle"


def ask(address, problem):
    """The answer to a problem's first example."""
    example = demo.examples()[problem][0]
    value = example.text or {"b64": base64.b64encode(pathlib.Path(example.file).read_bytes()).decode()}
    request = urllib.request.Request(
        f"{address}/v1/{problem}", json.dumps({"inputs": [value]}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["outputs"][0]
