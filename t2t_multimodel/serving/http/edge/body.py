"""Bodies are read within limits on bytes and time before anything looks at them."""

from __future__ import annotations

import asyncio
from typing import Any

from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.config import Limits
from t2t_multimodel.serving.http.edge.border import finish, send_error

_DRAIN_S = 2.0


class _GoneError(Exception):
    """The client went away."""


class BodyLimit:
    """An ASGI application around another, which gets each body whole.

    A body that is refused is still read for a moment, as many clients do not read the answer before they have sent all.

    Args:
        app: the application.
        limits: of requests.
    """

    def __init__(self, app: Any, limits: Limits):
        self.app, self._limits, self._all = app, limits, _Budget(limits.max_bodies_bytes)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        held = _Held(self._all, self._limits.max_body_bytes)
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                body = await self._read(scope, receive, held)
        except TimeoutError:
            seconds = self._limits.body_timeout_s
            error = RequestError(f"the body had not come after {seconds:g} s; send it faster, or less", 408)
            await self._refuse(error, receive, send, drain=False)
            return
        except RequestError as error:
            held.release()
            await self._refuse(error, receive, send, drain=True)
            return
        except _GoneError:
            return
        finally:
            if not held.complete:
                held.release()
        sent = False

        async def replay() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self.app(scope, replay, send)
        finally:
            held.release()

    async def _read(self, scope: dict[str, Any], receive: Any, held: _Held) -> bytes:
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RequestError("compressed bodies are not read; send the body as it is", 415)
        length = headers.get(b"content-length", b"")
        if length.isdigit():
            held.reserve(int(length))
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            part = message.get("body", b"")
            size += len(part)
            held.reserve(size)
            parts.append(part)
            if not message.get("more_body", False):
                held.complete = True
                return b"".join(parts)

    async def _refuse(self, error: RequestError, receive: Any, send: Any, drain: bool) -> None:
        await send_error(send, error.status, str(error), {"Connection": "close"})
        left = 8 * self._limits.max_body_bytes
        try:
            async with asyncio.timeout(_DRAIN_S):
                while drain and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        break
        except TimeoutError:
            pass
        await finish(send)


class _Budget:
    """Bytes that all bodies together may take."""

    def __init__(self, most: int):
        self._most, self._taken = most, 0

    def take(self, count: int) -> None:
        """Takes some, or raises a RequestError where too few are left; a negative count gives back."""
        if self._taken + count > self._most:
            raise RequestError("the server holds as many requests as it can; ask again in a second", 503)
        self._taken += count


class _Held:
    """The bytes that one body takes."""

    def __init__(self, budget: _Budget, most: int):
        self._budget, self._most, self._bytes = budget, most, 0
        self.complete = False

    def reserve(self, size: int) -> None:
        """Raises what is held to `size` bytes.

        Raises:
            RequestError: one body, or all together, would be too large.
        """
        if size > self._most:
            raise RequestError(f"the body has more than {self._most:,} bytes; send less", 413)
        if size > self._bytes:
            self._budget.take(size - self._bytes)
            self._bytes = size

    def release(self) -> None:
        """Gives all back."""
        self._budget.take(-self._bytes)
        self._bytes = 0
