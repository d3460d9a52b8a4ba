"""Files of inputs in, files of outputs out: in order, resumed, named, as text or JSON; and the terminal."""

import io
import json

import pytest

from t2t_multimodel import registry
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.lines.decode_file import decode_file
from t2t_multimodel.decoding.lines.interactive import decode_interactive
from t2t_multimodel.decoding.lines.requests import read_requests
from t2t_multimodel.decoding.lines.score_file import score_file
from t2t_multimodel.decoding.output import Beam, Output
from t2t_multimodel.errors import DecodeError, PathError


class Shout:
    """A decoder that needs no model: the input in capitals; "bad" cannot be read, "stop" interrupts."""

    def __init__(self, name="mini_parsing", **hparams):
        self.problem, self.hparams = registry.problem(name), DecodeHParams(batch_size=1, **hparams)
        self.seen = []

    def decode(self, inputs):
        for text in inputs:
            if text == "stop":
                raise KeyboardInterrupt
            self.seen.append(text)
            beams = (Beam(text.upper(), -1.5), Beam(text[::-1], -2.25))
            yield Output(error="it is bad; mend it") if text == "bad" else Output(beams[0].text, -1.5, beams)

    def score_each(self, inputs, targets):
        return [DecodeError("it is bad; mend it") if one == "bad" else -len(t) / 4 for one, t in zip(inputs, targets)]


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_outputs_come_in_order_and_a_bad_input_costs_itself_alone(tmp_path, capsys):
    source = write(tmp_path / "in", "one", "bad", "two")
    assert decode_file({"a": Shout()}, source, str(tmp_path / "out")) == 1
    assert (tmp_path / "out").read_text() == "ONE\n\nTWO\n"
    assert capsys.readouterr().err == f"{source}:2: it is bad; mend it\n"
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
    assert decode_file({"a": Shout()}, source) == 1
    assert capsys.readouterr().out == "ONE\n\nTWO\n"


def test_beams_and_scores_are_columns_as_in_tensor2tensor(tmp_path, capsys):
    source = write(tmp_path / "in", "one")
    for hparams, line in (
        ({"return_beams": True}, "ONE\teno"),
        ({"write_beam_scores": True}, "ONE\t-1.50"),
        ({"return_beams": True, "write_beam_scores": True}, "ONE\t-1.50\teno\t-2.25"),
    ):
        decode_file({"a": Shout(beam_size=2, **hparams)}, source)
        assert capsys.readouterr().out == line + "\n"


def test_json_lines_hold_all(tmp_path, capsys):
    decode_file({"a": Shout()}, write(tmp_path / "in", "grün", "bad"), form="json")
    good, bad = map(json.loads, capsys.readouterr().out.splitlines())
    assert good == {
        "problem": "a", "input": "grün", "text": "GRÜN", "score": -1.5,
        "beams": [{"text": "GRÜN", "score": -1.5}, {"text": "nürg", "score": -2.25}],
    }  # fmt: skip
    assert bad == {"problem": "a", "input": "bad", "error": "it is bad; mend it"}


def test_several_problems_are_named_by_a_column(tmp_path, capsys):
    first, second = Shout(), Shout("mini_translate_ende")
    source = write(tmp_path / "in", "a\tone", "b\ttwo", "a\tthree", "c\tfour", "five")
    assert decode_file({"a": first, "b": second}, source) == 2
    out, errors = capsys.readouterr()
    assert out == "ONE\nTWO\nTHREE\n\n\n"
    assert first.seen == ["one", "three"] and second.seen == ["two"]
    assert errors.count("names no problem of --problem; write PROBLEM, a tab and the input, PROBLEM one of a, b") == 2


def test_an_interrupted_command_goes_on_after_what_is_written(tmp_path, capsys, monkeypatch):
    lines = [f"line {number}" for number in range(40)]
    source, out = write(tmp_path / "in", *lines[:39], "stop"), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        decode_file({"a": Shout()}, source, str(out), identity="step 1")
    assert not out.exists() and (tmp_path / "out.part").read_text().count("\n") == 32
    with open(tmp_path / "out.part", "a") as file:
        file.write("cut in the midd")
    decoder = Shout()
    decoder.decode = lambda inputs: (decoder.seen.append(text) or Output(text.upper()) for text in inputs)
    assert decode_file({"a": decoder}, source, str(out), identity="step 1") == 0
    assert decoder.seen == [*lines[32:39], "stop"]
    assert "continuing after 32 outputs" in capsys.readouterr().err
    assert out.read_text() == "".join(f"{line.upper()}\n" for line in [*lines[:39], "stop"])
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_outputs_of_another_model_or_input_are_not_continued(tmp_path):
    source, out = write(tmp_path / "in", *["x"] * 20, "stop"), str(tmp_path / "out")
    for identity in ("step 1", "step 2"):
        with pytest.raises(KeyboardInterrupt):
            decode_file({"a": (decoder := Shout())}, source, out, identity=identity)
        assert len(decoder.seen) == 20
    write(tmp_path / "in", *["y"] * 20, "stop")
    with pytest.raises(KeyboardInterrupt):
        decode_file({"a": (decoder := Shout())}, source, out, identity="step 2")
    assert len(decoder.seen) == 20


def test_a_folder_and_a_pattern_give_paths_with_outputs(tmp_path, capsys):
    for name in ("b.jpg", "a.jpg", ".hidden", "c.png"):
        write(tmp_path / name, "x")
    (tmp_path / "deeper").mkdir()
    images = {"mini_caption": Shout("mini_caption")}
    decode_file(images, str(tmp_path))
    expected = [str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.png")]
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == expected
    decode_file(images, str(tmp_path / "*.jpg"))
    assert capsys.readouterr().out.splitlines()[1] == f"{expected[1]}\t{expected[1].upper()}"
    for problems, source, message in (
        (images, tmp_path / "*.gif", "has no files; give a folder"),
        ({"a": Shout()}, tmp_path, "is no text file"),
        ({**images, "b": Shout("mini_caption")}, tmp_path, "give one --problem"),
    ):
        with pytest.raises(DecodeError, match=message):
            decode_file(problems, str(source))


def test_standard_input_is_read_as_a_file(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfone\r\ngr\xfcn\ntwo")))
    assert decode_file({"a": Shout()}, "-") == 1
    out, errors = capsys.readouterr()
    assert out == "ONE\n\nTWO\n" and errors.startswith("line 2: ")


def test_a_device_is_written_as_it_is(tmp_path):
    source = write(tmp_path / "in", "one")
    assert decode_file({"a": Shout()}, source, "/dev/null") == 0
    with pytest.raises(PathError, match="No space left"):
        decode_file({"a": Shout()}, source, "/dev/full")


def test_targets_are_scored_in_order(tmp_path, capsys):
    source = write(tmp_path / "in", "one\tabcd", "no target", "bad\tx", "two\tab")
    assert score_file({"a": Shout()}, source, str(tmp_path / "out")) == 2
    assert (tmp_path / "out").read_text() == "-1.000000\n\n\n-0.500000\n"
    assert [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "the line has no target; write the input, a tab and the target", "it is bad; mend it",
    ]  # fmt: skip
    score_file({"a": Shout(), "b": Shout()}, write(tmp_path / "in", "b\tone\tabcd"), form="json")
    assert json.loads(capsys.readouterr().out) == {"problem": "b", "input": "one", "target": "abcd", "score": -1.0}


def test_the_problem_is_changed_while_typing(capsys):
    decoders = {"a": Shout(), "b": Shout("mini_translate_ende")}
    typed = "one\n:problem b\ntwo\n:problem x\n:problems\n: no command\n:what\n:quit\nnever\n"
    assert decode_interactive(decoders.__getitem__, ["a", "b"], io.StringIO(typed)) == 0
    out, errors = capsys.readouterr()
    assert out.splitlines()[:2] == ["ONE", "TWO"] and "problem of this run 'x'" in out and ": NO COMMAND" in out
    assert decoders["a"].seen == ["one"] and decoders["b"].seen == ["two", ": no command"]
    assert "problem b" in errors and ":quit" in errors


def test_requests_say_where_they_come_from(tmp_path):
    source = write(tmp_path / "in", "one", "two")
    requests = read_requests(source, {"a": registry.problem("mini_parsing")})
    assert [(one.text, one.where) for one in requests.items] == [("one", f"{source}:1"), ("two", f"{source}:2")]
    assert not requests.named
