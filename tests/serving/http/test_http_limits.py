"""Requests that are refused, each with its reason, before any work."""

import asyncio
import json
import threading

import pytest

from benchmarks.hostile import flat_png, hostile_requests
from t2t_multimodel.serving.http.app import make_app
from t2t_multimodel.serving.http.config import Limits, QueueConfig
from tests.serving.http.conftest import Client

HOSTILE = hostile_requests("mini_caption", "mini_speech", "mini_translate_ende")


@pytest.mark.parametrize("asked", [one for one in HOSTILE if not one.slow], ids=lambda one: one.name)
def test_hostile_requests_are_refused_with_their_reason(client, asked):
    headers = {"content-type": asked.content_type, **dict(asked.headers)}
    answer = client.post(asked.path, content=asked.body, headers=headers)
    assert answer.status_code in asked.statuses, answer.text
    error = answer.json()["error"]
    assert asked.words in error and "; " in error and "Traceback" not in error and len(error) < 400


async def _asgi(app, messages, path="/v1/mini_translate_ende", headers=(), pause=0.0):
    """Status and body of the answer to a request whose body comes in these messages."""
    queue, sent = list(messages), []

    async def receive():
        await asyncio.sleep(pause)
        return queue.pop(0) if queue else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    all_headers = [(b"content-type", b"application/json"), *headers]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": all_headers, "http_version": "1.1", "scheme": "http", "root_path": "", "client": None,
        "server": ("test", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    if not sent:
        return None, b""
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


def _chunks(data, size):
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [{"type": "http.request", "body": part, "more_body": True} for part in parts]


def test_bodies_without_a_length_are_counted_as_they_come(client):
    status, body = asyncio.run(_asgi(client.app, _chunks(bytes(9 << 20), 1 << 20)))
    assert status == 413 and b"bytes" in body


def test_a_body_that_says_too_much_is_not_read(client):
    status, _ = asyncio.run(_asgi(client.app, [], headers=[(b"content-length", b"99999999999")]))
    assert status == 413


def test_slow_senders_are_sent_away(client):
    body = json.dumps({"inputs": ["a red circle"]}).encode()
    status, answer = asyncio.run(_asgi(client.app, _chunks(body, 1), pause=0.3))
    assert status == 408 and b"send it faster" in answer


def test_a_client_that_goes_gets_nothing(client):
    status, _ = asyncio.run(_asgi(client.app, _chunks(b"{", 1)))
    assert status is None
    assert client.lines()[-1]["status"] == 499


def test_all_bodies_together_have_a_limit(demo_model):
    app = make_app(demo_model, Limits(max_bodies_bytes=1000, max_body_bytes=900))

    async def run():
        body = [{"type": "http.request", "body": bytes(700), "more_body": True}, {"type": "http.request", "body": b"x"}]
        return await asyncio.gather(*(_asgi(app, body, pause=0.05) for _ in range(3)))

    try:
        statuses = [status for status, _ in asyncio.run(run())]
        assert sorted(statuses) == [400, 503, 503]
        assert asyncio.run(run())  # all was given back
    finally:
        app.stop()


def _blocked(app):
    """Keeps the model busy until the event that is given back is set."""
    go, begun = threading.Event(), threading.Event()

    def wait(items):
        begun.set()
        go.wait(60)
        return items

    from t2t_multimodel.serving.http.model_service import Key

    app.service.queue.put(Key("mini_speech", "busy"), 0, wait)
    begun.wait(60)
    return go


def test_a_full_queue_and_late_answers_say_so(demo_model):
    app = make_app(demo_model, Limits(timeout_s=0.3), QueueConfig(max_queue=3))
    go = _blocked(app)
    try:
        asked = ("POST", "/v1/mini_translate_ende", {"json": {"inputs": ["a red circle", "a blue square"]}})
        late, refused = sorted(Client(app).ask_all([asked] * 2), key=lambda one: -one.status_code)
        assert late.status_code == 504 and "0.3 s" in late.json()["error"]
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert app.service.queue.held_inputs == 0
        stream = {"json": {"inputs": ["a red circle"], "stream": True}}
        assert Client(app).post("/v1/mini_translate_ende", **stream).status_code == 504
    finally:
        go.set()
        app.stop()


def test_searches_of_new_settings_wait_in_a_short_line(demo_model):
    app = make_app(demo_model, Limits(timeout_s=0.3, max_new_searches=2))
    go = _blocked(app)
    try:
        asked = [
            ("POST", "/v1/mini_parsing", {"json": {"inputs": ["a"], "decode": {"beam_size": 2, "alpha": alpha}}})
            for alpha in (0.11, 0.12, 0.13)
        ]
        answers = sorted(Client(app).ask_all(asked), key=lambda one: one.status_code)
    finally:
        go.set()
        app.stop()
    assert [one.status_code for one in answers] == [503, 504, 504]
    assert "new settings" in answers[0].json()["error"]


def test_unusual_searches_are_few(demo_model):
    app = make_app(demo_model, Limits(max_searches=0))
    try:
        request = {"inputs": ["a red circle"], "decode": {"beam_size": 3, "alpha": 0.15, "extra_length": 7}}
        answers = [
            Client(app).post("/v1/mini_translate_ende", json={**request, **more}) for more in ({}, {"stream": True})
        ]
        usual = Client(app).post("/v1/mini_image_class", content=flat_png(20), headers={"content-type": "image/png"})
    finally:
        app.stop()
    assert [one.status_code for one in answers] == [503, 503]
    assert "ask for a usual beam" in answers[0].json()["error"] and usual.status_code == 200


def test_a_fault_is_a_number_not_a_trace(demo_model, monkeypatch):
    import io

    log = io.StringIO()
    app = make_app(demo_model, log_stream=log)
    monkeypatch.setattr(app.service, "decode", _broken)
    try:
        answer = Client(app).post("/v1/mini_translate_ende", json={"inputs": ["a secret"]})
    finally:
        app.stop()
    assert answer.status_code == 500 and "secret" not in answer.text
    fault = next(line for line in map(json.loads, log.getvalue().splitlines()) if line.get("event") == "fault")
    assert fault["request"] == answer.headers["x-request-id"] and fault["error"] == "ZeroDivisionError"
    assert "secret" not in log.getvalue()


async def _broken(problem, inputs, hparams):
    raise ZeroDivisionError(f"quotes {inputs}")


def test_a_server_that_stops_takes_nothing_new(demo_model):
    app = make_app(demo_model)
    app.stopping = True
    try:
        answers = Client(app).ask_all([("GET", "/", {}), ("GET", "/healthz", {}), ("GET", "/metrics", {})])
    finally:
        app.stop()
    assert [one.status_code for one in answers] == [503, 503, 200]
    assert answers[1].json()["status"] == "stopping" and "stopping" in answers[0].json()["error"]
