"""Measurements beside public tools, as ratios taken in one run: ``python -m benchmarks NAME``."""
