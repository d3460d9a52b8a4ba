"""Fixtures of the tests of body."""

from tests.layer_case import random, seeded  # noqa: F401
