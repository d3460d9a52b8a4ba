"""The server as an ASGI application."""

from __future__ import annotations

from typing import Any, TextIO

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from t2t_multimodel import __version__
from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.config import Examples, Limits, QueueConfig
from t2t_multimodel.serving.http.description import describe
from t2t_multimodel.serving.http.edge.body import BodyLimit
from t2t_multimodel.serving.http.edge.border import FAULT, Border, error_headers
from t2t_multimodel.serving.http.edge.request_log import RequestLog
from t2t_multimodel.serving.http.edge.server_metrics import ServerMetrics
from t2t_multimodel.serving.http.model_service import ModelService
from t2t_multimodel.serving.http.routes import add_api, add_health
from t2t_multimodel.serving.http.site.pages import add_pages
from t2t_multimodel.serving.http.warm_up import WarmUp
from t2t_multimodel.trained_model import TrainedModel

_DESCRIPTION = "One model, many tasks: text, pictures and sound in, answers out."
_MESSAGES = {404: "there is nothing at this address; see /docs", 405: "this address takes another method; see /docs"}


class Server:
    """A model's ASGI application; call `stop` when it is no longer used.

    Args:
        model: the trained model.
        limits: of requests.
        queue: how requests are batched.
        examples: inputs that stand ready, by problem.
        log_stream: where the lines of the log go; standard error by default.

    Attributes:
        app: the FastAPI application, without the layers around it.
        service: the model behind its queue.
        log: of requests.
        warm_up: what is traced before it is asked for; `warm_up.begin()` begins.
        stopping: new requests are refused with 503.
        in_flight: requests that are being served.
    """

    def __init__(
        self,
        model: TrainedModel,
        limits: Limits,
        queue: QueueConfig,
        examples: Examples,
        log_stream: TextIO | None = None,
    ):
        self.log = RequestLog(log_stream)
        metrics = ServerMetrics(lambda: self.service.waiting())
        self.service = ModelService(model, limits, queue, metrics.batch)
        self.warm_up, self.stopping, self.in_flight = WarmUp(self.service, self.log), False, 0
        self.app = _make_fastapi()
        forms = add_api(self.app, self.service, self.log, examples)
        add_health(self.app, self._health, metrics.text)
        add_pages(self.app, examples)
        describe(self.app, [forms.decode, forms.inspect])
        self._outermost = Border(self._counted, self.log, metrics)
        self._limited = BodyLimit(self.app, limits)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self._outermost(scope, receive, send)

    def stop(self) -> None:
        """Ends the threads; nothing may be in flight."""
        self.service.stop()

    async def _counted(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Counts what is in flight and refuses all but questions about health while the server is stopping."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.stopping and scope["path"] not in ("/healthz", "/metrics"):
            error = RequestError("the server is stopping; ask again when it is back", 503)
            await _error_answer(error.status, str(error), {"Connection": "close"})(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self._limited(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _health(self) -> dict[str, Any]:
        status = "stopping" if self.stopping else "ready" if self.warm_up.ready else "warming"
        return {"status": status, "warmed": self.warm_up.done, "searches": self.warm_up.total}


def make_app(
    model: TrainedModel,
    limits: Limits | None = None,
    queue: QueueConfig | None = None,
    examples: Examples | None = None,
    log_stream: TextIO | None = None,
) -> Server:
    """The ASGI application of a model.

    Args:
        model: the trained model.
        limits: of requests.
        queue: how requests are batched.
        examples: inputs that stand ready, by problem.
        log_stream: where the lines of the log go; standard error by default.

    Example:

        app = make_app(t2t_multimodel.load("run"))
        app.warm_up.begin()
        uvicorn.run(app)
    """
    return Server(model, limits or Limits(), queue or QueueConfig(), examples or {}, log_stream)


def _make_fastapi() -> FastAPI:
    # FastAPI's own pages load scripts from elsewhere.
    app = FastAPI(
        title="MultiModel",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> JSONResponse:
        del request
        return _error_answer(error.status, str(error))

    @app.exception_handler(HTTPException)
    async def not_routed(request: Request, error: HTTPException) -> JSONResponse:
        del request
        message = _MESSAGES.get(error.status_code, f"{error.detail}; see /docs")
        return _error_answer(error.status_code, message, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        del request, error  # the border writes it into the log
        return _error_answer(500, FAULT)

    return app


def _error_answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, {**error_headers(status), **(headers or {})})
