"""The other benchmarks run and report; the measured values are not checked."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import input as input_benchmark
from benchmarks import mixing, mixture, peer, quality, start, transformer
from tests.conftest import TINY_HPARAMS


def test_the_mixture_is_measured(capsys):
    mixture.main(["--experts=3,5", "--tokens=40", "--depth=8", "--hidden=8", "--k=2", "--repeats=1"])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 4 and rows[2].startswith("| 3 |") and rows[3].startswith("| 5 |")


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_choices_are_distinct_and_skewed_as_asked(exponent):
    choices = mixture.zipf_choices(10, 500, 4, exponent)
    assert choices.shape == (500, 4) and all(len(set(row)) == 4 for row in choices.tolist())
    counts = np.bincount(choices.ravel(), minlength=10)
    assert (counts[0] > 2 * counts[9]) == (exponent > 0)


def test_the_input_is_measured(capsys, mini_data):
    flags = [f"--data_dir={mini_data}", "--problem=mini_translate_ende", f"--hparams={TINY_HPARAMS}", "--steps=2"]
    input_benchmark.main(flags)
    assert capsys.readouterr().out.splitlines()[-1].startswith("| mini_translate_ende |")


def test_the_start_is_measured(capsys, mini_data):
    start.main([f"--data_dir={mini_data}", "--problem=mini_translate_ende", f"--hparams={TINY_HPARAMS}"])
    assert "end of the first step of mini_translate_ende" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["mini_translate_ende", "mini_speech", "mini_image_class"])
def test_a_transformer_learns_each_kind_of_problem(capsys, mini_data, tmp_path, problem):
    flags = [f"--data_dir={mini_data}", f"--problem={problem}", "--hparams_set=multimodel_mini", "--eval_steps=1"]
    flags += ["--warmup_steps=5", "--steps=12", f"--out={tmp_path / 'rows.jsonl'}"]
    transformer.main(flags)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < line["loss"] < 10 and line["parameters"] > 1e6 and 0 <= line["token_accuracy"] <= 1
    transformer.main(flags)  # the line that stands there
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == line


def test_quality_without_a_protocol_says_what_is_missing(capsys, tmp_path):
    quality.main([f"--protocol={tmp_path}"])
    assert "skipped: give --protocol" in capsys.readouterr().out


_PROTOCOL = """
import numpy as np

class Data:
    def __init__(self, task):
        self.vocab, self.shapes = 50, [(5, 6)]

    def batch(self, seed):
        rng = np.random.RandomState(seed)
        return rng.randint(2, 50, (4, 5)).astype("int32"), rng.randint(2, 50, (4, 6)).astype("int32")

    def stream(self, seed):
        while True:
            seed += 1
            yield self.batch(seed)

    def dev_batches(self):
        return [self.batch(0)]

def score(batches, f):
    ((x, y),) = batches
    nll, prediction = f(x, y)
    assert nll.shape == prediction.shape == y.shape
    return {"logppl": float(nll.mean())}

def train(data, step, evaluate, marks, log, seed):
    stream = data.stream(seed)
    losses = [float(step(*next(stream))) for _ in range(3)]
    assert np.isfinite(losses).all()
    return [{"mark_s": marks[0], **evaluate()}]
"""


def test_quality_follows_a_protocol(capsys, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "common.py").write_text(_PROTOCOL)
    flags = [f"--protocol={tmp_path}", "--marks=1", f"--hparams={TINY_HPARAMS},feed_forward=24", "--data=unused"]
    quality.main([*flags, f"--out={tmp_path / 'result.json'}"])
    assert '"logppl": 3.' in capsys.readouterr().out or (tmp_path / "result.json").exists()


def test_without_a_peer_ours_is_reported_alone(capsys, tmp_path):
    sizes = ["--batch=2", "--source=5", "--target=4", "--steps=1", "--sets=multimodel_mini"]
    peer.main([*sizes, f"--hparams={TINY_HPARAMS}", "--peer_python="])
    out = capsys.readouterr().out
    assert "peer skipped: give --peer_python" in out and "| multimodel_mini | targets a second |" in out


def test_ratios_are_in_our_favour_above_one():
    ours = {"targets a second": 30.0, "peak memory, MB": 100.0, "parameters, millions": 5.0}
    theirs = {"targets a second": 10.0, "peak memory, MB": 250.0, "parameters, millions": 7.0}
    rows = [row.split("|")[-2].strip() for row in peer.report("x", ours, theirs).splitlines()]
    assert rows == ["3.00", "2.50", "-"]


def test_rounds_give_medians_and_no_peer_where_one_failed():
    assert peer.medians([{"a": 1.0, "b": 9.0}, {"a": 2.0, "b": 7.0}, {"a": 5.0, "b": 8.0}]) == {"a": 2.0, "b": 8.0}
    assert peer.medians([{"a": 1.0}, None]) is None


def test_moments_are_kept_apart_by_problem():
    moment, problems = tf.Variable(1.0), "abbcab"
    trainer = types.SimpleNamespace(
        optimizer=types.SimpleNamespace(named_variables=lambda: {"first": moment}),
        mixer=types.SimpleNamespace(choose=lambda step, parts: [(problems[step], step)]),
    )
    mixing.keep_moments_apart(trainer)
    found = []
    for step, problem in enumerate(problems):
        assert trainer.mixer.choose(step, 1) == [(problem, step)]
        moment.assign_add(10.0)
        found.append(moment.numpy().item())
    assert found == [11, 11, 21, 11, 21, 31]


@pytest.mark.slow
def test_mixing_goes_on_where_it_stopped(capsys, mini_data, tmp_path):
    flags = [f"--data_dir={mini_data}", "--problems=mini_parsing,mini_translate_ende", f"--hparams={TINY_HPARAMS}"]
    flags += ["--steps=2", "--eval_steps=1", f"--runs_dir={tmp_path}", f"--out={tmp_path / 'rows.jsonl'}"]
    mixing.main([*flags, "--seeds=1", "--schemes=mixing.scheme=uniform"])
    (row,) = capsys.readouterr().out.splitlines()[2:]
    assert "| scheme=uniform | 1 |" in row
    mixing.main([*flags, "--seeds=1", "--schemes=mixing.scheme=uniform mixing.scheme=relative,moments=own"])
    printed = capsys.readouterr()
    assert row in printed.out and "| scheme=relative,moments=own | 1 |" in printed.out
    rows = mixing.read_rows(tmp_path / "rows.jsonl")
    assert len(rows) == 4 and sum(each["realised"] for each in rows) == pytest.approx(2)
