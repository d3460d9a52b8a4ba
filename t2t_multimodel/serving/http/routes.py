"""The API's routes. Annotations are not postponed, as FastAPI reads those of functions within functions."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from starlette.responses import JSONResponse, Response

from t2t_multimodel import __version__
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.errors import RequestError
from t2t_multimodel.registry import unknown_name_message
from t2t_multimodel.serving.http import messages
from t2t_multimodel.serving.http.answers import inspection_answer, output_answer, timed_out
from t2t_multimodel.serving.http.config import Examples, Limits
from t2t_multimodel.serving.http.description import OF_REQUESTS, errors_of, request_body
from t2t_multimodel.serving.http.edge.request_log import RequestLog
from t2t_multimodel.serving.http.model_service import ModelService
from t2t_multimodel.serving.http.parse_request import Asked, parse_request
from t2t_multimodel.serving.http.streaming import stream_response

_LARGE_BODY = 1 << 16


def add_api(app: FastAPI, service: ModelService, log: RequestLog, examples: Examples) -> messages.RequestForms:
    """Adds the routes of the API; gives the forms of its requests.

    Args:
        app: where to.
        service: the model.
        log: for faults of streams.
        examples: inputs that stand ready, by problem.
    """
    limits, problems = service.limits, service.problems
    forms = messages.request_forms(limits)
    kinds = sorted({problem.inputs.form for problem in problems.values()})
    Name = Annotated[str, Path(description="a problem of the model", json_schema_extra={"enum": list(problems)})]
    described = {
        problem: messages.ProblemAnswer(**_describe(problems[problem], limits, examples)) for problem in problems
    }

    @app.get("/v1/problems", tags=["model"])
    async def list_problems() -> messages.ProblemsAnswer:
        """The tasks of the model, what they take and give, and within which limits."""
        return messages.ProblemsAnswer(problems=list(described.values()), step=service.step, version=__version__)

    events = {200: {"content": {"text/event-stream": {}}, "description": "outputs, or events of a stream"}}

    @app.post(
        "/v1/{problem}",
        response_model=messages.DecodeAnswer,
        responses={**events, **errors_of(*OF_REQUESTS)},
        openapi_extra=request_body(forms.decode, kinds),
        tags=["model"],
    )
    async def decode(problem: Name, request: Request) -> Response:
        """Decodes inputs. One that fails among several has its error in its place."""
        asked = await _asked(request, problem, forms.decode)
        if asked.stream:
            stream = service.stream(problem, asked.inputs[0], asked.hparams)
            return await stream_response(stream, limits, log, request.scope["record"])
        async with _Timed(limits):
            outputs = await service.decode(problem, asked.inputs, asked.hparams)
        if len(outputs) == 1 and isinstance(outputs[0], RequestError):
            raise outputs[0]
        return JSONResponse({"outputs": [output_answer(one) for one in outputs], "step": service.step})

    @app.post(
        "/v1/{problem}/inspect",
        response_model=messages.InspectAnswer,
        responses=errors_of(*OF_REQUESTS),
        openapi_extra=request_body(forms.inspect, kinds),
        tags=["model"],
    )
    async def inspect(problem: Name, request: Request) -> Response:
        """Decodes one input, and shows where the attention looked and which experts worked."""
        asked = await _asked(request, problem, forms.inspect)
        async with _Timed(limits):
            seen = await service.inspect(problem, asked.inputs[0], asked.hparams)
        return JSONResponse(inspection_answer(seen, problems[problem]))

    async def _asked(request: Request, problem: str, form: Any) -> Asked:
        if problem not in problems:
            raise RequestError(unknown_name_message("problem of this model", problem[:60], list(problems)), 404)
        record = request.scope["record"]
        record.problem = problem
        body, kind = await request.body(), request.headers.get("content-type", "")
        call = parse_request, body, kind, problems[problem], form, limits, service.config.max_batch
        asked = await asyncio.to_thread(*call) if len(body) > _LARGE_BODY else call[0](*call[1:])
        record.inputs = len(asked.inputs)
        return asked

    return forms


def add_health(app: FastAPI, health: Callable[[], dict[str, Any]], metrics_text: Callable[[], bytes]) -> None:
    """Adds the routes for those who watch the server.

    Args:
        app: where to.
        health: gives a `HealthAnswer`'s fields.
        metrics_text: gives the metrics.
    """
    causes = {
        "warming": "the server traces its searches; it serves, but slowly at first",
        "stopping": "the server is stopping; ask again when it is back",
    }
    not_ready = {503: {"model": messages.NotReadyAnswer, "description": "warming up, or stopping"}}

    @app.get("/healthz", response_model=messages.HealthAnswer, responses=not_ready, tags=["watching"])
    async def healthz() -> Response:
        """Whether the server is ready, still warming up, or stopping."""
        found = health()
        if found["status"] in causes:
            return JSONResponse({**found, "error": causes[found["status"]]}, 503, {"Retry-After": "1"})
        return JSONResponse(found)

    text = {200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}}

    @app.get("/metrics", response_class=Response, responses=text, tags=["watching"])
    async def metrics() -> Response:
        """Requests, latencies, batch sizes and queue lengths, by problem."""
        return Response(metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Timed(asyncio.Timeout):
    """A block that ends with 504 past the time limit."""

    def __init__(self, limits: Limits):
        super().__init__(asyncio.get_running_loop().time() + limits.timeout_s)
        self._limits = limits

    async def __aexit__(self, *exception: Any) -> bool | None:
        try:
            return await super().__aexit__(*exception)
        except TimeoutError:
            raise timed_out(self._limits) from None


def _describe(problem: Problem, limits: Limits, examples: Examples) -> dict[str, Any]:
    """A problem's entry of /v1/problems."""
    inputs = limits.inputs
    of_form = {
        "text": {"characters": inputs.characters},
        "image": {"pixels": inputs.pixels, "bytes": limits.max_body_bytes},
        "audio": {"seconds": inputs.seconds, "bytes": limits.max_body_bytes},
    }
    common = {"inputs": limits.max_inputs, "beams": limits.max_beams, "extra_length": limits.max_extra_length}
    return {
        "name": problem.name,
        "title": problem.title,
        "input": problem.inputs.form,
        "output": problem.output_form,
        "limits": {**of_form.get(problem.inputs.form, {}), **common},
        "examples": [
            {"label": one.label, "text": one.text}
            if one.file is None
            else {"label": one.label, "url": f"/examples/{problem.name}/{number}"}
            for number, one in enumerate(examples.get(problem.name, ()))
        ],
    }
