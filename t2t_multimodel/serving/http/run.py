"""Serves a run until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from t2t_multimodel.api import load
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.serving.http.config import ServeConfig

if TYPE_CHECKING:
    from t2t_multimodel.serving.http.app import Server

_HEAD_S = 10.0  # in which a request's head must have come
_KEEP_ALIVE_S = 10
_BACKLOG = 1024
_LINGER_S = 0.5  # in which the answers that say "stopping" reach their clients


def serve(config: ServeConfig) -> None:
    """Serves a run folder until SIGTERM or SIGINT, then finishes what it took.

    While it stops, new requests get 503; a second signal ends the waiting.

    Args:
        config: what to serve, where and how.

    Raises:
        MultiModelError: the run cannot be loaded, or the address cannot be listened at.

    Example:

        serve(ServeConfig("runs/mini/model", port=8080))
    """
    with _bound_socket(config.host, config.port) as listener:
        from t2t_multimodel.serving.http.app import make_app  # takes seconds, which a taken port need not wait for

        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each new trace
        app = make_app(
            load(config.output_dir, checkpoint=config.checkpoint), config.limits, config.queue, config.examples
        )
        try:
            asyncio.run(_serve(app, listener, config))
        finally:
            app.stop()
    app.log.event("stopped")


async def _serve(app: Server, listener: socket.socket, config: ServeConfig) -> None:
    server = _UvicornServer(
        uvicorn.Config(
            app,
            http=_TimedH11,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            backlog=_BACKLOG,
        )
    )
    loop, tasks = asyncio.get_running_loop(), []

    def stop() -> None:
        if app.stopping:
            server.should_exit = server.force_exit = True
            return
        app.stopping = True
        app.log.event("stopping", in_flight=app.in_flight)
        tasks.append(loop.create_task(_exit_when_idle(app, server, config.limits.timeout_s)))

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    if config.warm_up:
        app.warm_up.begin()
    host, port = listener.getsockname()[:2]
    app.log.event("serving", url=f"http://{f'[{host}]' if ':' in host else host}:{port}/", step=app.service.step)
    await server.serve(sockets=[listener])


async def _exit_when_idle(app: Server, server: uvicorn.Server, seconds: float) -> None:
    """Ends the server once nothing is in flight, or after the time limit of requests."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while app.in_flight:
                await asyncio.sleep(0.05)
            await asyncio.sleep(_LINGER_S)
    server.force_exit = app.in_flight > 0  # a client that does not take its answer
    server.should_exit = True


class _UvicornServer(uvicorn.Server):
    """Leaves the signals to `_serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _TimedH11(H11Protocol):
    """Closes connections whose first request's head does not come in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(_HEAD_S, self._close_without_head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def _close_without_head(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def _bound_socket(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that a taken port is told before the model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise MultiModelError(f"cannot listen at {host}:{port} ({reason}); give another --host or --port") from None
    return listener
