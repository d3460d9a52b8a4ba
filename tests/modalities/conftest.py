"""Fixtures of the tests of modalities."""

from tests.layer_case import random, seeded  # noqa: F401
