"""A train step as one XLA program for machines without TensorFlow.

    python -m benchmarks xla_program --hparams_set=multimodel_base --kind=text --batch=32x64x64 --out=programs/base
    python benchmarks/xla_program/run.py programs/base --peak=989

The first command writes the program, the second needs jax, jaxlib and numpy alone.
"""

from __future__ import annotations


def main(arguments: list[str]) -> None:
    """Writes a program."""
    from benchmarks.xla_program import export

    export.main(arguments)
