"""Outputs as lines of a file: text as Tensor2Tensor writes it, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.lines.requests import Request
from t2t_multimodel.decoding.output import Output

LineFormat = Callable[[Request, Output, DecodeHParams, bool], str]


def text_line(request: Request, output: Output, hparams: DecodeHParams, named: bool = False) -> str:
    """The output, or all beams where `return_beams` asks for them, with scores where `write_beam_scores` does.

    Columns are separated by tabs, as in Tensor2Tensor's `decoding.py`; where `named`, the input stands first. The line
    of an input that could not be decoded is empty.

    Example:
        ```python
        text_line(request, output, DecodeHParams(beam_size=2, return_beams=True, write_beam_scores=True))
        # "ein Kreis\t-0.12\tder Kreis\t-2.31"
        ```
    """
    beams = output.beams if hparams.return_beams else output.beams[:1]
    cells = [request.text] if named else []
    if output.error is None:
        for beam in beams:
            cells += [beam.text, f"{beam.score:.2f}"] if hparams.write_beam_scores else [beam.text]
        if not beams:
            cells.append(output.text)
    return "\t".join(cell.replace("\n", " ").replace("\t", " ") for cell in cells)


def json_line(request: Request, output: Output, hparams: DecodeHParams, named: bool = False) -> str:
    """One JSON object: problem, input, then text, score and beams, or the error."""
    del hparams, named
    line: dict[str, Any] = {"problem": request.problem, "input": request.text}
    if output.error is not None:
        line["error"] = output.error
    else:
        line |= {"text": output.text, "score": output.score}
        line["beams"] = [{"text": beam.text, "score": beam.score} for beam in output.beams]
    if output.warning:
        line["warning"] = output.warning
    return json.dumps(line, ensure_ascii=False)


FORMATS: dict[str, LineFormat] = {"text": text_line, "json": json_line}
