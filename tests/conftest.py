"""Fixtures shared by the whole suite."""

import os
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]


def _folder(variable: str, default: str) -> pathlib.Path:
    folder = pathlib.Path(os.environ.get(variable, _ROOT.parent / "shared" / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing; set {variable} to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def corpora_dir() -> pathlib.Path:
    """The small real corpora in the official layouts (CORPORA_DIR)."""
    return _folder("CORPORA_DIR", "corpora")


@pytest.fixture(scope="session")
def golden_dir() -> pathlib.Path:
    """Golden vectors of Tensor2Tensor's functions (GOLDEN_DIR)."""
    return _folder("GOLDEN_DIR", "golden")
