"""The API's description: what openapi.json says beside what FastAPI finds out by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from t2t_multimodel.serving.http.messages import ErrorAnswer

_REF = "#/components/schemas/{model}"
_CAUSES = {
    400: "the request is not what this description says",
    404: "there is no such problem, file or example",
    408: "the body came too slowly",
    413: "the body, or an input, is larger than the limits",
    415: "the body is of another content type, or compressed",
    422: "the one input cannot be read",
    500: "a fault of the server",
    503: "the server has too much to do, or is stopping; Retry-After says when to ask again",
    504: "the answer was not there in time",
}
OF_REQUESTS = (400, 404, 408, 413, 415, 422, 500, 503, 504)


def errors_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The descriptions of answers that are errors."""
    return {status: {"model": ErrorAnswer, "description": _CAUSES[status]} for status in statuses}


def request_body(form: type[BaseModel], forms: Sequence[str]) -> dict[str, Any]:
    """The description of a request's body: JSON, or the bytes of one file.

    Args:
        form: of the JSON.
        forms: of the problems' inputs, such as ``"image"``.
    """
    schema = {"$ref": _REF.format(model=form.__name__)}
    files = {f"{one}/*": {"schema": {"type": "string", "format": "binary"}} for one in forms if one != "text"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}, **files}}}


def describe(app: FastAPI, forms: Sequence[type[BaseModel]]) -> None:
    """Makes the app describe its requests, too.

    Args:
        app: the app.
        forms: of the requests that `request_body` refers to.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for form in forms:
                schema = form.model_json_schema(ref_template=_REF)
                schemas |= schema.pop("$defs", {})
                schemas[form.__name__] = schema
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
