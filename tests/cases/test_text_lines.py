"""Byte order marks, line ends and bytes that are not UTF-8, wherever lines of text are read."""

import io

import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.data.vocabulary import tools
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.lines import decode_file, interactive
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.errors import DecodeError, VocabularyError
from t2t_multimodel.problems.readers.layout import text_of
from t2t_multimodel.problems.readers.text import TextFile
from t2t_multimodel.problems.readers.text_pairs import read_pairs

MARK = b"\xef\xbb\xbf"


class Echo:
    """A decoder whose output is its input."""

    problem, hparams = registry.problem("mini_parsing"), DecodeHParams()

    def decode(self, inputs):
        for line in inputs:
            yield Output(text=line)


def decoded(path, tmp_path):
    failed = decode_file.decode_file({"echo": Echo()}, str(path), str(tmp_path / "out"))
    return (tmp_path / "out").read_text().split("\n")[:-1], failed


def test_mark_belongs_to_no_decoded_line(cases, tmp_path):
    with_mark, without = (decoded(cases / f"bom/{name}.txt", tmp_path) for name in ("with", "without"))
    assert with_mark == without
    assert with_mark[0][0].startswith("a small")


def test_mark_and_carriage_return_belong_to_no_path(tmp_path):
    (tmp_path / "in").write_bytes(MARK + b"a.png\r\n" + MARK + b"b.png\r\n")
    assert decoded(tmp_path / "in", tmp_path) == (["a.png", "b.png"], 0)


def test_carriage_returns_alone(tmp_path):
    (tmp_path / "in").write_bytes(b"go\rrun\r")
    assert decoded(tmp_path / "in", tmp_path) == (["go", "run"], 0)
    source = Source(warn=lambda line: None)
    assert list(read_pairs(TextFile(tmp_path / "in"), TextFile(tmp_path / "in"), source)) == []
    assert "convert them to newlines" in source.reasons()


def test_line_that_is_not_utf8_costs_itself_alone(cases, tmp_path, capsys):
    assert decoded(cases / "bom/latin1.txt", tmp_path) == (["there is a small red circle", ""], 1)
    assert capsys.readouterr().err == (
        f"{cases}/bom/latin1.txt:2: line 2, byte 41: invalid UTF-8; save the text as UTF-8\n"
    )


def test_stdin_is_read_as_utf8_without_mark(capsys):
    stream = io.TextIOWrapper(io.BytesIO(MARK + "grün\r\n".encode() + b"gr\xfcn\ngo"), encoding="ascii")
    assert interactive.decode_interactive(lambda name: Echo(), ["echo"], stream) == 1
    assert capsys.readouterr().out.split("\n") == [
        "grün",
        "error: line 2, byte 12: invalid UTF-8; save the text as UTF-8",
        "go",
        "",
    ]


def test_utf16_is_named(tmp_path):
    (tmp_path / "in").write_text("go\nva\n", encoding="utf-16")
    with pytest.raises(DecodeError, match="UTF-16, save it as UTF-8"):
        decoded(tmp_path / "in", tmp_path)
    with pytest.raises(VocabularyError, match="UTF-16, save it as UTF-8"):
        tools.build([tmp_path / "in"], [], 300, tmp_path / "vocabulary")


def test_mark_becomes_no_piece(cases, tmp_path):
    built = []
    for name in ("with", "without"):
        text = (cases / f"bom/{name}.txt").read_bytes()
        (tmp_path / name).write_bytes(text.replace(b"\n", b"\r\n") if name == "with" else text)
        built.append(tools.build([tmp_path / name], [], 300, tmp_path / f"{name}_vocabulary"))
    assert isinstance(built[0], Vocabulary)
    assert built[0].fingerprint == built[1].fingerprint


def test_vocabulary_leaves_out_lines_that_are_not_utf8(cases, tmp_path, capsys):
    (tmp_path / "good").write_text("there is a small red circle\n")
    built = tools.build([cases / "bom/latin1.txt"], [], 300, tmp_path / "one")
    assert built.fingerprint == tools.build([tmp_path / "good"], [], 300, tmp_path / "two").fingerprint
    assert capsys.readouterr().err == (
        f"warning: {cases}/bom/latin1.txt: line 2, byte 41: invalid UTF-8; line left out\n"
    )


def test_lists_of_paths_take_marks_in_joined_files(tmp_path, read):
    (tmp_path / "train.tsv").write_bytes(MARK + b"no/a.wav\tONE\r\n" + MARK + b"no/b.wav\tTWO\r\nno/c.wav\tgr\xfcn\n")
    with pytest.raises(Exception, match="no training examples") as caught:
        read("speech_tsv", tmp_path, dev_percent=0)
    assert str(caught.value).split("; write")[0] == (
        "speech_tsv has no training examples (dropped: "
        f"2 missing or unreadable file, first at {tmp_path}/train.tsv: line 1: {tmp_path}/no/a.wav; "
        f"1 invalid UTF-8, first at {tmp_path}/train.tsv: line 3, byte 45)"
    )


def test_small_files_of_corpora():
    text = text_of(MARK + "grün\n".encode() + b"gr\xfcn\n" + MARK + b"go")
    assert text.split("\n") == ["grün", "grün", "go"]


def test_parallel_text(tmp_path):
    (tmp_path / "a").write_bytes(MARK + b"go\r\nrun\n")
    (tmp_path / "b").write_bytes(b"va\n" + MARK + b"cours\r\n")
    pairs = list(read_pairs(TextFile(tmp_path / "a"), TextFile(tmp_path / "b"), Source()))
    assert pairs == [("go", "va"), ("run", "cours")]
