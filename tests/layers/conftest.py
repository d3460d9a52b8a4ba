"""Fixtures of the tests of layers."""

from tests.layer_case import random, seeded  # noqa: F401
