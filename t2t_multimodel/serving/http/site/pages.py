"""Pages and files: the page, what it needs, the examples, and the API's page. Each name is looked up in a list."""

import importlib.resources
import pathlib

from fastapi import FastAPI, Request
from starlette.responses import Response

from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.config import Examples
from t2t_multimodel.serving.http.description import errors_of
from t2t_multimodel.serving.http.site.api_page import STYLE, api_page

_PACKAGE, _FOLDER, _INDEX = "t2t_multimodel.serving", "page", "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".ico": "image/x-icon",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".webmanifest": "application/manifest+json",
}


def add_pages(app: FastAPI, examples: Examples) -> None:
    """Adds the routes of pages and files.

    Args:
        app: where to.
        examples: inputs that stand ready, by problem.
    """
    files = _page_files()

    @app.get("/", response_class=Response, responses={200: _content("text/html")}, tags=["pages"])
    async def page() -> Response:
        """The page to try the model on."""
        return _file(files, _INDEX)

    @app.get("/static/{name}", response_class=Response, responses=_any_file(), tags=["pages"])
    async def static(name: str) -> Response:
        """A file of the page."""
        return _file(files, name)

    @app.get("/examples/{problem}/{number}", response_class=Response, responses=_any_file(), tags=["pages"])
    async def example(problem: str, number: str) -> Response:
        """A picture or sound that stands ready."""
        given = list(examples.get(problem, ()))
        path = given[int(number)].file if number.isdecimal() and len(number) < 5 and int(number) < len(given) else None
        if path is None:
            raise RequestError("there is no such example; see /v1/problems", 404)
        return Response(pathlib.Path(path).read_bytes(), media_type=_type(path))

    @app.get("/docs", response_class=Response, responses={200: _content("text/html")}, tags=["pages"])
    async def docs(request: Request) -> Response:
        """The API for people."""
        return Response(api_page(request.app.openapi()), media_type=_TYPES[".html"])

    @app.get("/docs.css", response_class=Response, responses={200: _content("text/css")}, tags=["pages"])
    async def style() -> Response:
        """The style of the API's page."""
        return Response(STYLE, media_type=_TYPES[".css"])


def _page_files() -> dict[str, bytes]:
    """The files of the page by name."""
    folder = importlib.resources.files(_PACKAGE) / _FOLDER
    if not folder.is_dir():
        return {}
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file() and _suffix(one.name) in _TYPES}


def _file(files: dict[str, bytes], name: str) -> Response:
    if name not in files:
        raise RequestError("there is no such file; see /", 404)
    return Response(files[name], media_type=_type(name))


def _type(name: str) -> str:
    return _TYPES.get(_suffix(name), "application/octet-stream")


def _suffix(name: str) -> str:
    return pathlib.PurePath(name).suffix.lower()


def _content(*types: str) -> dict:
    return {"content": {one: {} for one in types}, "description": "the page"}


def _any_file() -> dict:
    types = sorted({one.partition(";")[0] for one in _TYPES.values()})
    return {200: _content(*types, "application/octet-stream"), **errors_of(404)}
