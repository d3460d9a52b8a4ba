"""The model in the box behind an ASGI application, and clients of it."""

import asyncio
import io
import json
import pathlib
import threading
import time

import httpx
import pytest
import uvicorn

import t2t_multimodel as t2t
from t2t_multimodel import demo
from t2t_multimodel.serving.http.app import make_app
from t2t_multimodel.serving.http.config import Limits, QueueConfig


class Client:
    """Asks an ASGI application.

    Attributes:
        log: what the application wrote, as `io.StringIO`.
    """

    def __init__(self, app, log=None):
        self.app, self.log = app, log

    def ask(self, method, path, **request):
        return self.ask_all([(method, path, request)])[0]

    def post(self, path, **request):
        return self.ask("POST", path, **request)

    def get(self, path):
        return self.ask("GET", path)

    def ask_all(self, asked):
        """All requests at once."""

        async def run():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
                return await asyncio.gather(*(client.request(method, path, **how) for method, path, how in asked))

        return asyncio.run(run())

    def lines(self):
        """The lines of the log."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture(scope="session")
def demo_model():
    return t2t.load("demo")


@pytest.fixture(scope="session")
def client(demo_model):
    log = io.StringIO()
    limits = Limits(body_timeout_s=2.0, timeout_s=600.0, max_extra_length=24)
    app = make_app(demo_model, limits, QueueConfig(batch_wait_ms=20), demo.examples(), log)
    yield Client(app, log)
    app.stop()


@pytest.fixture(scope="session")
def files():
    """By problem, the bytes of a picture or sound that the demo brings."""
    found = {name: [one.file for one in ones if one.file] for name, ones in demo.examples().items()}
    return {name: pathlib.Path(paths[0]).read_bytes() for name, paths in found.items() if paths}


@pytest.fixture(scope="module")
def address(client):
    """Of a server of the same application, on this machine."""
    server = uvicorn.Server(uvicorn.Config(client.app, port=0, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
