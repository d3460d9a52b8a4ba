"""Answers as they grow end as plain ones."""

import asyncio
import json

import pytest

from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder

SENTENCE = "a small red circle is to the left of a large blue square"


def events(answer):
    """Kind and data of each event."""
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in blocks]


@pytest.mark.parametrize("decode", [{"beam_size": 2}, {}], ids=["beam", "greedy"])
def test_a_stream_grows_to_the_plain_answer(client, decode):
    request = {"inputs": [SENTENCE], "decode": decode}
    plain = client.post("/v1/mini_translate_ende", json=request).json()["outputs"][0]
    answer = client.post("/v1/mini_translate_ende", json={**request, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *partial, (kind, output) = events(answer)
    assert kind == "output" and output["text"] == plain["text"]
    assert output["score"] == pytest.approx(plain["score"], abs=1e-3)
    assert [beam["text"] for beam in output["beams"]] == [beam["text"] for beam in plain["beams"]]
    texts = [data["text"] for kind, data in partial if kind == "partial"]
    assert len(texts) == len(partial) >= 2 and texts == sorted(texts, key=len)


def test_a_class_comes_at_once(client, files):
    import base64

    given = {"b64": base64.b64encode(files["mini_image_class"]).decode()}
    ((kind, output),) = events(client.post("/v1/mini_image_class", json={"inputs": [given], "stream": True}))
    assert kind == "output" and len(output["beams"]) == 5


def test_what_cannot_be_read_is_refused_before_the_stream_begins(client):
    answer = client.post("/v1/mini_translate_ende", json={"inputs": ["x" * 2000], "stream": True})
    assert answer.status_code == 413 and "characters" in answer.json()["error"]
    answer = client.post("/v1/mini_translate_ende", json={"inputs": ["a", "b"], "stream": True})
    assert answer.status_code == 400 and "one input" in answer.json()["error"]


def test_a_fault_in_the_middle_is_an_event(client, monkeypatch):
    def broken(self, one, every):
        yield "ein"
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(ProblemDecoder, "stream_prepared", broken)
    answer = client.post("/v1/mini_translate_ende", json={"inputs": [SENTENCE], "stream": True})
    assert [kind for kind, _ in events(answer)] == ["partial", "error"]
    assert "secret" not in answer.text


def test_a_stream_that_nobody_reads_ends(client, monkeypatch):
    given = []

    def endless(self, one, every):
        while True:
            given.append(1)
            yield "ein"

    monkeypatch.setattr(ProblemDecoder, "stream_prepared", endless)

    async def first():
        stream = client.app.service.stream("mini_translate_ende", SENTENCE, DecodeHParams())
        text = await anext(stream)
        await stream.aclose()
        return text

    assert asyncio.run(first()) == "ein"
    monkeypatch.undo()
    assert client.post("/v1/mini_translate_ende", json={"inputs": [SENTENCE]}).status_code == 200


def test_slices_give_what_one_loop_gives(demo_model):
    how = DecodeHParams(sampling_method="random", sampling_seed=3, extra_length=8)
    decoder = demo_model.decoder("mini_translate_ende", how)
    one = decoder.prepare(SENTENCE)
    *texts, last = decoder.stream_prepared(one, every=5)
    assert isinstance(last, Output) and [last] == decoder.decode_prepared([one])
    assert all(isinstance(text, str) for text in texts)
