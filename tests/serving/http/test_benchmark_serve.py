"""The benchmark of load, small: every kind of good and of hostile request, and what it says of wrong answers."""

import argparse
import json
import os

from benchmarks import serve
from benchmarks.hostile import Ask


def test_all_kinds_at_once(address):
    options = argparse.Namespace(inputs=2, hostile=0.6, concurrency=20, seed=0)
    rows = dict(serve.load(f"http://{address}/", os.getpid(), options, 60))
    assert rows["requests"] == 60 and rows["of them hostile"] == 36
    assert rows["wrong answers to good requests"] == rows["wrong answers to bad requests"] == 0, rows
    assert rows["requests a second"] > 0 and rows["server's memory at end, MB"] > 0
    assert rows["good requests: ms at 50%"] <= rows["good requests: ms at 99%"]


def test_wrong_answers_are_found():
    good, bad = Ask("class 0", "/v1/x", b""), Ask("bomb", "/v1/x", b"", statuses=(413,), words="bomb")
    output = {"text": "a", "score": -1.0, "beams": [{"text": "a", "score": -1.0}]}
    other = {"text": "a", "score": -1.2, "beams": [{"text": "a", "score": -1.2}]}
    run = serve.Run("127.0.0.1", 0, 1, os.getpid())
    for asked, status, body in (
        (good, 200, {"outputs": [output]}),
        (good, 200, {"outputs": [other]}),
        (good, 503, {"error": "busy; ask again"}),
        (bad, 413, {"error": "a bomb; make it smaller"}),
        (bad, 413, {"error": "too large; make it smaller"}),
        (bad, 200, {"outputs": [output]}),
    ):
        run.answers.append((asked, status, json.dumps(body).encode(), 0.1))
    wrong = serve.wrong_answers(run, {"class 0": (output, 0.1)})
    assert [(one.name, found[:3]) for one, found in wrong] == [
        ("class 0", "200"),
        ("class 0", "503"),
        ("bomb", "413"),
        ("bomb", "200"),
    ]
