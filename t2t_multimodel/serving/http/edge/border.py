"""The outermost layer: every request has an id, a line in the log and in the metrics, and an answer of one form."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from t2t_multimodel.serving.http.edge.request_log import RequestLog, RequestRecord
from t2t_multimodel.serving.http.edge.server_metrics import ServerMetrics

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cache-Control": "no-cache",
}
FAULT = "a fault of the server, not of yours; report the X-Request-Id of this answer"


def error_headers(status: int) -> dict[str, str]:
    """Headers that belong to an error."""
    return {"Retry-After": "1"} if status == 503 else {}


async def send_error(send: Any, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
    """Sends ``{"error": "cause; cure"}`` but for the end of the body, see `finish`."""
    body = json.dumps({"error": message}).encode()
    values = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    values |= error_headers(status) | dict(headers or {})
    named = [(name.lower().encode(), value.encode()) for name, value in values.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def finish(send: Any) -> None:
    """Ends an answer."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Border:
    """An ASGI application around another.

    Args:
        app: the application.
        log: of requests.
        metrics: of requests.
    """

    def __init__(self, app: Any, log: RequestLog, metrics: ServerMetrics):
        self.app, self._log, self._metrics = app, log, metrics

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = RequestRecord(secrets.token_hex(8), scope["method"])
        inner, started = {**scope, "record": record}, False

        async def send_marked(message: dict[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started, record.status = True, message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                extra = {**HEADERS, "X-Request-Id": record.id}
                added = [(name.lower().encode(), value.encode()) for name, value in extra.items()]
                headers = [*message["headers"], *(one for one in added if one[0] not in given)]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.app(inner, receive, send_marked)
        except Exception as error:  # the border: whatever happens becomes one line
            self._log.fault(record, error)
            if not started:
                await send_error(send_marked, 500, FAULT)
                await finish(send_marked)
        finally:
            record.path = getattr(inner.get("route"), "path", "")
            self._log.request(record)
            self._metrics.request(record)
