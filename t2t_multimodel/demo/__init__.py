"""The model in the box: a small trained run of the mini suite that the package brings, and inputs to try it with."""

from __future__ import annotations

import dataclasses
import json
import pathlib

NAME = "demo"
_FOLDER = pathlib.Path(__file__).resolve().parent
_EXAMPLES = _FOLDER / "examples"


@dataclasses.dataclass(frozen=True)
class Example:
    """One input that stands ready.

    Attributes:
        label: what it is, in words.
        text: the input of a problem that reads text, else None.
        file: path of a picture or a sound, else None.
    """

    label: str
    text: str | None = None
    file: str | None = None


def run_folder() -> str:
    """Path of the run folder; `t2t_multimodel.load`, t2t-decoder and t2t-eval take it as any other.

    Example:
        >>> import os
        >>> {"model.json", "weights.npz"} <= set(os.listdir(run_folder()))
        True
    """
    return str(_FOLDER / "run")


def examples() -> dict[str, list[Example]]:
    """Inputs of each problem, from the test split of the mini suite, which the model has not seen.

    Example:
        >>> examples()["mini_translate_ende"][0].text == examples()["mini_translate_ende"][0].label
        True
    """
    listed = json.loads((_EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    return {problem: [_example(**one) for one in ones] for problem, ones in listed.items()}


def _example(label: str, text: str | None = None, file: str | None = None) -> Example:
    return Example(label, text, str(_EXAMPLES / file) if file else None)
