"""The inputs of the cases from the field, written once for all tests of this folder."""

import os
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> pathlib.Path:
    """A folder with what make_cases.py writes (CASES_DIR); tests only read it."""
    script = pathlib.Path(os.environ.get("CASES_DIR", _ROOT.parent / "shared" / "cases")) / "make_cases.py"
    if not script.is_file():
        pytest.skip(f"{script} is missing; set CASES_DIR to the folder that holds it")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def small_run(mini_data, small_hparams, tmp_path_factory) -> pathlib.Path:
    """A text model trained for 12 steps; tests copy it."""
    from t2t_multimodel.training.trainer import TrainConfig, train

    folder = tmp_path_factory.mktemp("small_run")
    config = {"data_dir": str(mini_data), "output_dir": str(folder), "train_steps": 12, "eval_steps": 1, "seed": 1}
    train(TrainConfig(problems=("mini_parsing",), hparams=small_hparams, **config))
    return folder


@pytest.fixture
def read(tmp_path):
    """Reads one split of a problem: examples, warnings, and what was dropped by reason."""
    from t2t_multimodel import registry
    from t2t_multimodel.data.problem import Source, read_examples

    def reader(name, folder, split="train", strict=False, **options):
        problem, warnings = registry.problem(name), []
        values = {**problem.options, **options}
        source = Source(source_dir=folder, tmp_dir=tmp_path, options=values, strict=strict, warn=warnings.append)
        return list(read_examples(problem, split, source)), warnings, dict(source.dropped)

    return reader
