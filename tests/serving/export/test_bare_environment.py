"""The exported model where nothing of this package is: a virtual environment of TensorFlow and tensorflow-text."""

import configparser
import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import pytest

from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from tests.serving.export.exported_case import beams, check_equal, feeds, raw_inputs

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLIENT = pathlib.Path(__file__).with_name("bare_client.py")
NEEDED = ("tensorflow=", "tensorflow-text=", "numpy")
NAMES = ("mini_image_class", "mini_parsing", "mini_speech")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> pathlib.Path:
    """The interpreter of a new environment, with the releases that setup.cfg names."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    pinned = config["options"]["install_requires"].split("\n")
    wanted = [line for line in pinned if line.startswith(NEEDED)]
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    done = subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "-q", *wanted], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"TensorFlow cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin/python"


@pytest.mark.slow
@pytest.mark.parametrize("search", [{}, {"beam_size": 4}], ids=["greedy", "beam"])
def test_its_answers_are_those_of_the_model(bare_python, small_model, mini_run, tmp_path, search):
    search = {**search, "extra_length": 12}
    version = small_model.export(tmp_path / "here", NAMES, max_input_length=60, **search)
    folder = tmp_path / "elsewhere"
    shutil.copytree(version, folder)
    shutil.rmtree(tmp_path / "here")
    values = {name: raw_inputs(name, 16) for name in NAMES}
    (tmp_path / "in").write_bytes(pickle.dumps({name: feeds(name, given) for name, given in values.items()}))
    command = [bare_python, "-I", CLIENT, folder, tmp_path / "in", tmp_path / "out"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    answers, labels = pickle.loads((tmp_path / "out").read_bytes()), Vocabulary.load(mini_run).labels
    for name in NAMES:
        wanted = small_model.generate(name, values[name], **search)
        for loader in ("function", "session"):
            check_equal(beams(answers[loader][name], name, values[name], labels), wanted)


@pytest.mark.slow
def test_the_client_of_the_page_as_written(bare_python, exported, tmp_path):
    page = (ROOT / "docs/serving.md").read_text(encoding="utf-8").partition("## A SavedModel")[2].partition("\n## ")[0]
    code = page.partition("```python\n")[2].partition("```")[0]
    shutil.copytree(exported, tmp_path / "saved_model/2000")
    done = subprocess.run([bare_python, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    parse, classes, *_ = done.stdout.splitlines()
    assert parse.split()[-1].startswith("-") and "b'" in classes
