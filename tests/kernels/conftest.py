"""Fixtures of the tests of kernels."""

from tests.layer_case import random, seeded  # noqa: F401
