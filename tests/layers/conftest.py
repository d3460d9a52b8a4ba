"""Fixtures of the layers' tests."""

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(7)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)
