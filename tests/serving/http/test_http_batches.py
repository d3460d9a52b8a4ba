"""Requests that are decoded together are answered as those that are sent alone; the log has no contents."""

import re

import pytest

SENTENCES = [
    "a small red circle",
    "a large blue square is above a small green triangle",
    "there is a yellow star",
    "a small red circle is to the left of a large blue square",
    "a big green ring and a small violet cross are on a light background",
]


def test_batches_change_no_answer(client):
    problems = ("mini_translate_ende", "mini_translate_enfr")
    asked = [("POST", f"/v1/{name}", {"json": {"inputs": [text]}}) for text in SENTENCES for name in problems]
    alone = [client.ask(*one[:2], **one[2]).json()["outputs"][0] for one in asked]
    before = _batches(client)
    together = [answer.json()["outputs"][0] for answer in client.ask_all(asked)]
    for got, expected in zip(together, alone, strict=True):
        assert got["text"] == expected["text"]
        assert got["score"] == pytest.approx(expected["score"], abs=1e-3)
    assert _batches(client) - before < len(asked)


def _batches(client):
    text = client.get("/metrics").text
    return sum(float(count) for count in re.findall(r"^t2t_batch_size_count{.*} (.*)$", text, re.M))


def test_the_log_has_a_line_a_request_and_no_contents(client):
    before = len(client.lines())
    answer = client.post("/v1/mini_translate_ende", json={"inputs": ["a red circle", "a blue square"]})
    client.get("/nothing/secret")
    lines = client.lines()[before:]
    assert [line["status"] for line in lines] == [200, 404]
    assert lines[0]["request"] == answer.headers["x-request-id"] and lines[0]["problem"] == "mini_translate_ende"
    assert lines[0]["inputs"] == 2 and lines[0]["ms"] > 0 and lines[0]["path"] == "/v1/{problem}"
    written = client.log.getvalue()
    assert "circle" not in written and "secret" not in written
