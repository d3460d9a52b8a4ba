"""Inputs of a problem as t2t-decoder and as an exported model take them, and a comparison of both answers."""

from collections.abc import Collection

import numpy as np

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.data.vocabulary.vocabulary import Label


def raw_inputs(name: str, count: int) -> list:
    """The first inputs of a mini problem's dev split: text, encoded images, or (samples, rate)."""
    problem = registry.problem(name)
    source = Source(seed=1, options={**problem.options, "dev_examples": count})
    values = [example["inputs"] for example in problem.examples("dev", source)]
    rate = getattr(problem.inputs, "sample_rate", None)
    return [(value, rate) for value in values] if rate else values


def feeds(name: str, values: list) -> dict[str, np.ndarray]:
    """Inputs of a signature; waveforms are padded with what must not be looked at."""
    batch = registry.problem(name).inputs.raw_batch([one[0] if isinstance(one, tuple) else one for one in values])
    if "waveform" in batch:
        padded = np.pad(batch["waveform"], [[0, 0], [0, 7]])
        batch["waveform"] = np.where(np.arange(padded.shape[1]) < batch["length"][:, None], padded, np.float32(0.5))
    return batch


def beams(
    outputs: dict[str, np.ndarray], name: str, values: list, labels: Collection[str] = ()
) -> list[list[tuple[str, float]]]:
    """Texts and scores of an exported model's outputs, trees in brackets as t2t-decoder prints them.

    Args:
        outputs: of a signature.
        name: of the problem.
        values: the inputs.
        labels: of the vocabulary.
    """
    problem = registry.problem(name)
    scores = outputs["score"] if "score" in outputs else outputs["probability"]
    return [
        [(_shown(problem, text.decode(), value, labels), float(score)) for text, score in zip(*row)]
        for value, *row in zip(values, outputs["text"], scores)
    ]


def _shown(problem, text: str, value, labels: Collection[str]) -> str:
    """What t2t-decoder prints where an exported model says `text`."""
    tokens = [Label(token) if token in labels else token for token in text.split(" ") if token]
    return problem.present_output(tokens, text, value)


def check_equal(found: list[list[tuple[str, float]]], wanted: list, tolerance: float = 2e-4) -> None:
    """Compares beams with `Output`s: equal texts, and scores up to rounding."""
    assert len(found) == len(wanted)
    for row, output in zip(found, wanted):
        given = row[: len(output.beams)]
        assert [text for text, _ in given] == [beam.text for beam in output.beams]
        np.testing.assert_allclose([score for _, score in given], [beam.score for beam in output.beams], atol=tolerance)
        assert all(score <= -1e9 for _, score in row[len(output.beams) :])
