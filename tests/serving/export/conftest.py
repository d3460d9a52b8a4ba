"""A small run, exported."""

import pathlib

import pytest

from t2t_multimodel import load

SEARCH = {"beam_size": 2, "extra_length": 6}
MAX_INPUT_LENGTH = 24


@pytest.fixture(scope="session")
def small_model(mini_run):
    """The trained model of three modalities."""
    return load(mini_run)


@pytest.fixture(scope="session")
def exported(small_model, tmp_path_factory) -> pathlib.Path:
    """The folder of its one version."""
    folder = tmp_path_factory.mktemp("exported")
    return small_model.export(folder / "models", max_input_length=MAX_INPUT_LENGTH, **SEARCH)
