"""Schemathesis against openapi.json: no fault, and no answer that is not described."""

import io

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from t2t_multimodel import demo
from t2t_multimodel.decoding.output import Beam, Output
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder
from t2t_multimodel.serving.http.app import make_app
from t2t_multimodel.serving.http.config import Limits

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


def _operations(app):
    """By method and path, those of the description."""
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = [result.ok() for result in described.get_all_operations()]
    assert {one.label for one in found} >= {"POST /v1/{problem}", "POST /v1/{problem}/inspect", "GET /v1/problems"}
    return found


def _examine(app, examples):
    """Sends requests that follow the description, and some that do not."""
    for operation in _operations(app):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not operation.body:
                continue

            @given(operation.as_strategy(generation_mode=mode))
            @settings(max_examples=examples, **QUIET)
            def check(case):
                case.call_and_validate(checks=CHECKS, timeout=600)

            check()


def test_no_fault_and_no_undescribed_answer(demo_model, monkeypatch):
    """With a model that needs no time: what is around it is tested."""
    output = Output("ein Kreis", -1.0, (Beam("ein Kreis", -1.0, -0.5),), warning="cut")
    monkeypatch.setattr(ProblemDecoder, "decode_prepared", lambda self, inputs, prefix="": [output] * len(inputs))
    monkeypatch.setattr(ProblemDecoder, "stream_prepared", lambda self, one, every=4: iter(["ein", output]))
    app = make_app(demo_model, examples=demo.examples(), log_stream=io.StringIO())
    try:
        _examine(app, examples=5)
    finally:
        app.stop()


@pytest.mark.slow
def test_no_fault_of_the_model(demo_model):
    app = make_app(demo_model, Limits(max_extra_length=8), examples=demo.examples(), log_stream=io.StringIO())
    try:
        _examine(app, examples=40)
    finally:
        app.stop()
