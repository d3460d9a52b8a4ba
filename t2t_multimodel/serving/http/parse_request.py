"""From the bytes of a request to what it asks for; whatever is wrong is said before any work begins."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from typing import Any

import pydantic

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.errors import MultiModelError, RequestError
from t2t_multimodel.serving.http.config import Limits
from t2t_multimodel.serving.http.messages import Encoded, first_error

_API = "see /docs"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a request asks for.

    Attributes:
        inputs: strings for problems of text, else the bytes of files; an error stands for what is neither.
        hparams: how to search.
        stream: the answer comes as it grows.
    """

    inputs: list[str | bytes | RequestError]
    hparams: DecodeHParams
    stream: bool = False


def parse_request(
    body: bytes, content_type: str, problem: Problem, form: type[pydantic.BaseModel], limits: Limits, batch_size: int
) -> Asked:
    """What a request asks for.

    Args:
        body: of the request.
        content_type: its header.
        problem: that it is for.
        form: what its JSON must be.
        limits: of requests.
        batch_size: of `DecodeHParams`.

    Raises:
        RequestError: it cannot be served.
    """
    kind = content_type.partition(";")[0].strip().lower()
    wanted = problem.inputs.form
    if kind == "application/json":
        return _from_json(body, problem, form, limits, batch_size)
    if wanted in ("image", "audio") and kind.startswith(f"{wanted}/"):
        return Asked([body if body else _empty()], _hparams({}, limits, batch_size))
    raw = f", or the bytes of a file as {wanted}/*" if wanted in ("image", "audio") else ""
    raise RequestError(f"this content type is not served here; send application/json{raw}", 415)


def _from_json(body: bytes, problem: Problem, form: type[pydantic.BaseModel], limits: Limits, batch_size: int) -> Asked:
    try:
        request = form.model_validate(read_json(body, limits))
    except pydantic.ValidationError as error:
        raise RequestError(f"{first_error(error)}; {_API}", 400) from None
    asked: dict[str, Any] = request.model_dump(exclude_unset=True)
    stream = asked.get("stream", False)
    if stream and len(request.inputs) != 1:
        raise RequestError("stream is for one input; send one input, or leave stream away", 400)
    inputs = [_read_input(one, problem) for one in request.inputs]
    return Asked(inputs, _hparams(asked.get("decode") or {}, limits, batch_size), stream)


def read_json(body: bytes, limits: Limits) -> Any:
    """The value of a JSON text.

    Raises:
        RequestError: it is not JSON in UTF-8, or has too many values or too many levels.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestError("the body is not UTF-8; send JSON in UTF-8", 400) from None
    if sum(map(text.count, ",[{")) > limits.max_values:
        raise RequestError("the body has too many values; send fewer inputs", 413)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise RequestError(f"the body has too many levels; {_API}", 400) from None
    except ValueError:
        raise RequestError(f"the body is not JSON; {_API}", 400) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _hparams(asked: dict[str, Any], limits: Limits, batch_size: int) -> DecodeHParams:
    asked = {name: value for name, value in asked.items() if value is not None}
    usual = {"return_beams": asked.get("beam_size", 1) != 1, "extra_length": limits.max_extra_length}
    try:
        return DecodeHParams.make(**{**usual, **asked}, batch_size=batch_size)
    except MultiModelError as error:
        raise RequestError(str(error), 400) from None


def _read_input(given: str | Encoded, problem: Problem) -> str | bytes | RequestError:
    if problem.inputs.form == "text":
        if not isinstance(given, str):
            return RequestError(f"inputs of {problem.name} are text; send a string", 422)
        return given if _is_text(given) else RequestError("the text is not Unicode; send whole characters", 422)
    if isinstance(given, str):
        return RequestError(
            f'a string is no {problem.inputs.form}, and no path or address is opened; send {{"b64": "..."}}', 422
        )
    try:
        return base64.b64decode(given.b64, validate=True) or _empty()
    except (binascii.Error, ValueError):
        return RequestError("b64 is not base64; send the file's bytes in base64", 422)


def _is_text(text: str) -> bool:
    """Whether a string has no half of a surrogate pair, which JSON can spell."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _empty() -> RequestError:
    return RequestError("the file is empty; send its bytes", 422)
