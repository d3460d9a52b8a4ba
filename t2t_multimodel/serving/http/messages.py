"""What requests and answers are made of, as the API's description says."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from t2t_multimodel.serving.http.config import Limits


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Encoded(_Strict):
    """The bytes of a picture or sound."""

    b64: str = Field(description="the file's bytes in base64")


class BeamAnswer(BaseModel):
    """One of several outputs for an input."""

    text: str
    score: float = Field(description="sum of log-probabilities in nats; of a class, its probability")
    penalized: float | None = Field(None, description="what a beam's outputs are ranked by")


class OutputAnswer(BaseModel):
    """The output for an input."""

    text: str
    score: float = Field(description="sum of log-probabilities in nats")
    beams: list[BeamAnswer]
    warning: str | None = Field(None, description="what is to be known of it, such as that the input was cut")


class ErrorAnswer(BaseModel):
    """Why a request, or an input of it, could not be served."""

    error: str = Field(description="cause; cure")


class DecodeAnswer(BaseModel):
    """An output or an error in the place of each input."""

    outputs: list[OutputAnswer | ErrorAnswer]
    step: int = Field(description="training step of the model")


class ExampleAnswer(BaseModel):
    """An input that stands ready."""

    label: str
    text: str | None = None
    url: str | None = Field(None, description="where its bytes are")


class ProblemAnswer(BaseModel):
    """One task of the model."""

    name: str
    title: str
    input: str = Field(description="text, image or audio")
    output: str = Field(description="text, tree or class")
    limits: dict[str, int | float]
    examples: list[ExampleAnswer]


class ProblemsAnswer(BaseModel):
    """The tasks of the model."""

    problems: list[ProblemAnswer]
    step: int
    version: str


class HealthAnswer(BaseModel):
    """How the server is."""

    status: Literal["ready", "warming", "stopping"]
    warmed: int = Field(description="searches that are traced")
    searches: int = Field(description="searches that are traced at the start")


class NotReadyAnswer(HealthAnswer):
    """The server does not serve at its usual pace, or no longer."""

    error: str


class InspectedInput(BaseModel):
    """The input as the model sees it."""

    png: str | None = Field(description="a picture, or a spectrogram, in base64")
    kind: Literal["picture", "spectrogram", "text"]
    width: int | None
    height: int | None
    seconds: float | None


class InspectedAttention(BaseModel):
    """Where the output looked."""

    source: list[str] | None = Field(description="text of each source position")
    grid: list[int] | None = Field(description="height and width of the positions of a picture")
    output: list[str] = Field(description="text of each output id")
    weights: list[list[float]] = Field(description="a row an output id, of sum 1")


class InspectedMixture(BaseModel):
    """Which experts worked."""

    name: str
    load: list[float] = Field(description="share of each expert")


class InspectAnswer(BaseModel):
    """One input, looked at."""

    input: InspectedInput
    output: str
    attention: InspectedAttention | None
    experts: list[InspectedMixture]


@dataclasses.dataclass(frozen=True)
class RequestForms:
    """The forms of requests under given limits.

    Attributes:
        decode: of `POST /v1/PROBLEM`, a pydantic model.
        inspect: of `POST /v1/PROBLEM/inspect`.
    """

    decode: type[BaseModel]
    inspect: type[BaseModel]


def request_forms(limits: Limits) -> RequestForms:
    """The forms of requests; what they allow is what `limits` say."""
    options = _model(
        "DecodeOptions",
        "How to search; see docs/decoding.md.",
        beam_size=(int, Field(1, ge=1, le=limits.max_beams)),
        alpha=(float, Field(0.6, ge=0, le=10, allow_inf_nan=False)),
        extra_length=(int, Field(limits.max_extra_length, ge=1, le=limits.max_extra_length)),
        return_beams=(bool | None, Field(None, description="all outputs of a beam; true unless given")),
        sampling_method=(Literal["argmax", "random"], "argmax"),
        sampling_temp=(float, Field(1.0, ge=0, le=100, allow_inf_nan=False)),
        sampling_keep_top_k=(int, Field(-1, ge=-1, le=1000)),
        sampling_top_p=(float, Field(1.0, gt=0, le=1, allow_inf_nan=False)),
        sampling_seed=(int, Field(0, ge=0, lt=2**63)),
        constrained=(bool, True),
    )
    one = str | Encoded
    decode = _model(
        "DecodeRequest",
        "Inputs to decode: strings for problems of text, else encoded bytes.",
        inputs=(list[one], Field(min_length=1, max_length=limits.max_inputs)),
        decode=(options | None, None),
        stream=(bool, Field(False, description="server-sent events as the output of the one input grows")),
    )
    inspect = _model(
        "InspectRequest",
        "The one input to look at, and how its output is searched for.",
        inputs=(list[one], Field(min_length=1, max_length=1)),
        decode=(options | None, None),
    )
    return RequestForms(decode, inspect)


def _model(name: str, doc: str, **fields: Any) -> type[BaseModel]:
    return pydantic.create_model(name, __base__=_Strict, __doc__=doc, **fields)


def first_error(error: pydantic.ValidationError) -> str:
    """The first thing that is wrong, without the value that was sent."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in found["loc"] if not str(part).startswith(("function-", "str", "Encoded")))
    return f"{where or 'the body'}: {found['msg'].lower()}"
