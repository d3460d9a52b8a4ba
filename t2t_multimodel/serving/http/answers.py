"""Outputs, inspections and errors in the form of the API's answers."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.errors import RequestError
from t2t_multimodel.report.attention import Attention
from t2t_multimodel.report.one_input import Inspection
from t2t_multimodel.serving.http.config import Limits

_LOWEST = -1e30  # JSON has no infinity
_MOST_PIXELS = 512
_KINDS = {"image": "picture", "audio": "spectrogram"}


def output_answer(output: Output | RequestError) -> dict[str, Any]:
    """An output, or the error that stands in its place."""
    if isinstance(output, RequestError):
        return {"error": str(output)}
    beams = [
        {"text": beam.text, "score": _finite(beam.score)}
        | ({} if beam.penalized is None else {"penalized": _finite(beam.penalized)})
        for beam in output.beams
    ]
    answer = {"text": output.text, "score": _finite(output.score), "beams": beams}
    return answer | ({"warning": output.warning} if output.warning else {})


def inspection_answer(seen: Inspection, problem: Problem) -> dict[str, Any]:
    """One input, looked at."""
    return {
        "input": _input(seen, problem),
        "output": seen.output.text,
        "attention": None if seen.attention is None else _attention(seen.attention),
        "experts": [{"name": name, "load": np.round(load, 5).tolist()} for name, load in seen.loads.items()],
    }


def timed_out(limits: Limits) -> RequestError:
    """What is said past the time limit."""
    return RequestError(f"the answer was not there after {limits.timeout_s:g} s; send less, or ask again later", 504)


def _input(seen: Inspection, problem: Problem) -> dict[str, Any]:
    png, width, height = _picture(seen.side.png) if seen.side.png else (None, None, None)
    return {
        "png": png,
        "kind": _KINDS.get(problem.inputs.form, "text"),
        "width": width,
        "height": height,
        "seconds": seen.length if problem.inputs.length_unit == "seconds" else None,
    }


def _picture(png: bytes) -> tuple[str, int, int]:
    """A PNG in base64, made smaller where it is large, and the width and height that it had."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        width, height = image.size
        if max(width, height) > _MOST_PIXELS:
            image.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            png = buffer.getvalue()
    return base64.b64encode(png).decode(), width, height


def _attention(attention: Attention) -> dict[str, Any]:
    return {
        "source": attention.sources,
        "grid": None if attention.grid is None else list(attention.grid),
        "output": attention.outputs,
        "weights": np.round(attention.weights, 4).tolist(),
    }


def _finite(value: float) -> float:
    return max(value, _LOWEST)
