"""Memory and time that a train step is expected to take on this machine, from steps on smaller batches."""

from __future__ import annotations

import dataclasses

from t2t_multimodel.data.spec import InputSpec, TargetSpec
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.cost.describe import VOCAB_SIZE, MeshBytes, bytes_of_training
from t2t_multimodel.training.cost.memory import in_words, usable_bytes
from t2t_multimodel.training.cost.processor import product_gflops
from t2t_multimodel.training.cost.sample_steps import Sample, sample_steps


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a step is expected to take.

    Attributes:
        model: bytes of weights, moments and gradients, counted.
        rows: of the batches that steps were made on; none where the model does not fit.
        program: bytes of a process without a model.
        peak: bytes that a training holds at the most; 0 where it is not known.
        seconds: of a step; 0 where it is not known.
        product_seconds: of its products alone, at the rate of this processor.
        gflops: this rate, GFLOP/s.
    """

    model: MeshBytes
    rows: list[int]
    program: int
    peak: int
    seconds: float
    product_seconds: float
    gflops: float


def expect_step(
    hparams: HParams,
    problem: str,
    specs: tuple[InputSpec, TargetSpec],
    batch: tuple[int, int, int],
    flops: int,
    *,
    vocab_size: int = VOCAB_SIZE,
) -> Expected:
    """Counts, and makes steps on a quarter and on half of the rows, from which those of all rows follow in line.

    Args:
        hparams: of the model.
        problem: a registered problem, or "" for text to text.
        specs: of its two sides.
        batch: rows, source length, target length.
        flops: useful ones of a step.
        vocab_size: ids of the vocabulary.

    Raises:
        TrainingError: the steps cannot be made.
    """
    rows, *lengths = batch
    model = bytes_of_training(hparams, vocab_size=vocab_size, specs=set(specs))
    gflops, usable = product_gflops(), usable_bytes()
    tried = sorted({max(1, rows // 4), max(1, rows // 2)})
    if usable is not None and sum(model) > usable:
        tried = []
    samples = sample_steps(hparams, problem, [(count, *lengths) for count in tried], vocab_size=vocab_size)
    peak, seconds = in_line(tried[: len(samples)], samples, rows)
    return Expected(
        model=model,
        rows=tried[: len(samples)],
        program=samples[0].program if samples else 0,
        peak=round(peak),
        seconds=seconds,
        product_seconds=flops / gflops / 1e9,
        gflops=gflops,
    )


def in_line(tried: list[int], samples: list[Sample], rows: int) -> tuple[float, float]:
    """Peak and seconds of a batch of `rows`, from those of one or two smaller ones; zeros where there are none."""
    if not samples:
        return 0.0, 0.0
    if len(samples) == 1:
        return samples[0].peak * 1.0, samples[0].seconds * rows / tried[0]
    first, second = samples
    steps = (rows - tried[1]) / (tried[1] - tried[0])
    seconds = second.seconds + steps * max(second.seconds - first.seconds, 0.0)
    # A step also has time that no row adds to, so that more rows never take more than in proportion.
    return second.peak + steps * max(second.peak - first.peak, 0), min(seconds, second.seconds * rows / tried[1])


def format_expected(expected: Expected) -> str:
    """Lines for people."""
    model = expected.model
    rows = [("weights", model.weights), ("moments", model.moments), ("gradients", model.gradients)]
    if expected.peak:
        rows = [("program", expected.program), *rows]
        rows.append(("activations", max(expected.peak - sum(size for _, size in rows), 0)))
    total = expected.peak or sum(model)
    lines = [f"expected memory of a training: {in_words(total)}"]
    lines += [f"  {name.ljust(12)} {in_words(size):>9}" for name, size in rows]
    products = f"{expected.product_seconds:.3g} s for the products alone, at {expected.gflops:.0f} GFLOP/s"
    if expected.peak:
        tried = " and ".join(map(str, expected.rows))
        lines.append(f"expected time of a step: {expected.seconds:.3g} s; {products}")
        lines.append(f"(activations and time from steps on {tried} rows, in line)")
    else:
        lines.append(f"activations and time are not known, as no step fits into this machine; {products}")
    return "\n".join(lines)
