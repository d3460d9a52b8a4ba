"""What each address of the server answers."""

import base64
import json

import pytest

from t2t_multimodel import demo

SENTENCE = "a small red circle is to the left of a large blue square"


def test_problems_say_what_they_take_and_give(client, demo_model):
    answer = client.get("/v1/problems").json()
    problems = {one["name"]: one for one in answer["problems"]}
    assert list(problems) == demo_model.problems and answer["step"] == demo_model.step
    forms = {name: (one["input"], one["output"]) for name, one in problems.items()}
    assert forms["mini_image_class"] == ("image", "class") and forms["mini_caption"] == ("image", "text")
    assert forms["mini_speech"] == ("audio", "text") and forms["mini_parsing"] == ("text", "tree")
    assert problems["mini_translate_ende"]["title"] == "English to German"
    assert problems["mini_translate_ende"]["limits"]["characters"] == 1000
    assert problems["mini_caption"]["limits"]["pixels"] == 1 << 24


def test_examples_are_served_as_files(client):
    for name, ones in demo.examples().items():
        listed = next(one for one in client.get("/v1/problems").json()["problems"] if one["name"] == name)
        assert [one["label"] for one in listed["examples"]] == [one.label for one in ones]
        for given, shown in zip(ones, listed["examples"], strict=True):
            if given.file is None:
                assert shown["text"] == given.text
            else:
                answer = client.get(shown["url"])
                with open(given.file, "rb") as file:
                    assert answer.content == file.read()
                assert answer.headers["content-type"].startswith(("image/", "audio/"))


def test_answers_are_those_of_the_model(client, demo_model):
    inputs = [SENTENCE, "there is a large green star"]
    answer = client.post("/v1/mini_translate_ende", json={"inputs": inputs, "decode": {"beam_size": 2}})
    expected = demo_model.generate("mini_translate_ende", inputs, beam_size=2, extra_length=24)
    assert answer.status_code == 200 and answer.json()["step"] == demo_model.step
    for got, output in zip(answer.json()["outputs"], expected, strict=True):
        assert got["text"] == output.text and got["score"] == pytest.approx(output.score, abs=1e-3)
        assert [beam["text"] for beam in got["beams"]] == [beam.text for beam in output.beams]
        assert got["beams"][0]["penalized"] == pytest.approx(output.beams[0].penalized, abs=1e-3)


def test_files_come_as_they_are_or_in_base64(client, files, demo_model):
    for name, kind in (("mini_image_class", "image/png"), ("mini_speech", "audio/wav")):
        data = files[name]
        raw = client.post(f"/v1/{name}", content=data, headers={"content-type": kind})
        encoded = client.post(f"/v1/{name}", json={"inputs": [{"b64": base64.b64encode(data).decode()}]})
        assert raw.status_code == encoded.status_code == 200 and raw.json() == encoded.json()
        (expected,) = demo_model.generate(name, [data], extra_length=24)
        assert raw.json()["outputs"][0]["text"] == expected.text


def test_a_bad_input_costs_itself_alone(client):
    inputs = [SENTENCE, "  ", "x" * 2000, {"b64": "YQ=="}]
    answer = client.post("/v1/mini_translate_ende", json={"inputs": inputs})
    outputs = answer.json()["outputs"]
    assert answer.status_code == 200 and [set(one) for one in outputs[1:]] == [{"error"}] * 3
    assert outputs[0]["text"] and "characters" in outputs[2]["error"]


def test_warnings_come_with_the_answer(client, capfd):
    import io

    import numpy as np
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(8000, 3.0, np.float32), 16000, format="WAV", subtype="FLOAT")
    answer = client.post("/v1/mini_speech", content=buffer.getvalue(), headers={"content-type": "audio/wav"})
    assert "beyond 1 are cut off" in answer.json()["outputs"][0]["warning"]
    assert "beyond 1" not in capfd.readouterr().err


def test_one_input_is_looked_at(client, files):
    headers = {"content-type": "image/png"}
    seen = client.post("/v1/mini_caption/inspect", content=files["mini_caption"], headers=headers).json()
    assert seen["input"]["kind"] == "picture" and seen["input"]["width"] == 48
    assert base64.b64decode(seen["input"]["png"]).startswith(b"\x89PNG")
    height, width = seen["attention"]["grid"]
    assert len(seen["attention"]["weights"]) == len(seen["attention"]["output"])
    assert all(len(row) == height * width for row in seen["attention"]["weights"])
    assert {one["name"] for one in seen["experts"]} == {"encoder", "decoder"}
    assert all(sum(one["load"]) == pytest.approx(1, abs=1e-3) for one in seen["experts"])


def test_sound_and_classes_are_looked_at(client, files):
    headers = {"content-type": "audio/wav"}
    seen = client.post("/v1/mini_speech/inspect", content=files["mini_speech"], headers=headers).json()
    assert seen["input"]["kind"] == "spectrogram" and 0.2 < seen["input"]["seconds"] < 20
    seen = client.post("/v1/mini_image_class/inspect", content=files["mini_image_class"]).json()
    assert "error" in seen
    headers = {"content-type": "image/png"}
    seen = client.post("/v1/mini_image_class/inspect", content=files["mini_image_class"], headers=headers).json()
    assert seen["attention"] is None and [one["name"] for one in seen["experts"]] == ["encoder"]


def test_health_and_metrics(client):
    assert client.get("/healthz").json()["status"] == "ready"
    client.post("/v1/mini_translate_ende", json={"inputs": [SENTENCE]})
    text = client.get("/metrics").text
    assert 't2t_requests_total{problem="mini_translate_ende",status="200"}' in text
    assert 't2t_batch_size_count{problem="mini_translate_ende"}' in text
    assert 't2t_queue_inputs{problem="mini_speech"} 0.0' in text
    assert 't2t_request_seconds_bucket{le="+Inf",problem="mini_translate_ende"}' in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/page.py", 404),
        ("GET", "/static/..%2f..%2fsetup.cfg", 404),
        ("GET", "/static//etc/passwd", 404),
        ("GET", "/examples/mini_caption/999999", 404),
        ("GET", "/examples/mini_caption/-1", 404),
        ("GET", "/examples/../0", 404),
        ("DELETE", "/v1/problems", 405),
        ("GET", "/v1/mini_speech", 405),
        ("POST", "/v1/mini_speech/", 404),
        ("POST", "/v1/problems", 404),
    ],
)
def test_every_refusal_has_one_form(client, method, path, status):
    answer = client.ask(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"} and "; " in answer.json()["error"]
    assert answer.headers["x-content-type-options"] == "nosniff" and len(answer.headers["x-request-id"]) == 16


def test_nothing_comes_from_elsewhere(client):
    files = ("page.css", "page.js", "elements.js", "tree.js", "inside.js")
    paths = ("/", "/docs", "/docs.css", *(f"/static/{name}" for name in files))
    pages = {path: client.get(path) for path in paths}
    for path, answer in pages.items():
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        body = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in body and "http://" not in body and "<script>" not in body, path
    assert client.get("/redoc").status_code == 404
    assert "/v1/{problem}" in pages["/docs"].text and "504" in pages["/docs"].text


def test_the_description_names_all_answers(client):
    described = client.get("/openapi.json").json()
    operation = described["paths"]["/v1/{problem}"]["post"]
    assert set(operation["responses"]) >= {"200", "400", "404", "408", "413", "415", "422", "500", "503", "504"}
    assert operation["parameters"][0]["schema"]["enum"][0] == "mini_image_class"
    references = set(json.dumps(described).split('"#/components/schemas/')[1:])
    assert all(one.partition('"')[0] in described["components"]["schemas"] for one in references)
