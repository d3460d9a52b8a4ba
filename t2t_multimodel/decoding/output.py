"""What decoding gives for one input."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Beam:
    """One of several outputs for an input.

    Attributes:
        text: the output, or the name of a class.
        score: sum of the log-probabilities of its ids in nats; of a class, its probability.
        penalized: score over the length penalty, by which the outputs of a beam search are ranked; else None.
    """

    text: str
    score: float
    penalized: float | None = None


@dataclasses.dataclass(frozen=True)
class Output:
    """The output for one input, or why there is none.

    Attributes:
        text: the best output, or the name of the most probable class; empty where there is an error.
        score: sum of the log-probabilities of its ids, the end included, in nats.
        beams: outputs with their scores, best first; of classes, the five most probable with their probabilities.
        error: why there is no output, in one line with a cure; None where there is one.
        warning: what is to be known of the output, such as that the input was cut; None where there is nothing.
    """

    text: str = ""
    score: float = float("-inf")
    beams: tuple[Beam, ...] = ()
    error: str | None = None
    warning: str | None = None
