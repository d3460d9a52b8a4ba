"""Runs of an experiment: listed, made once, kept, gathered."""

import dataclasses
import json
import shlex

import pytest

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments import experiment, runner, scales
from t2t_multimodel.experiments.declare import ROLES, make_run
from t2t_multimodel.experiments.results import Folders, keep, read_lines
from t2t_multimodel.experiments.variants import joint, together
from tests.conftest import SMALL_WITH_EXPERTS
from tests.experiments.made_up import result_of

MINI = scales.SCALES["mini"]


@pytest.fixture
def tiny(monkeypatch):
    """A scale of tiny models and few examples."""
    scale = dataclasses.replace(
        MINI,
        name="tiny",
        data_options="train_examples=40,dev_examples=8,test_examples=8",
        hparams=SMALL_WITH_EXPERTS,
        steps=2,
        sizes=dict.fromkeys(MINI.sizes, (8, 12, 16, 20, 40)),
        decode_examples=2,
    )
    monkeypatch.setitem(scales.SCALES, "tiny", scale)
    return scale


def printed(capsys, **request):
    experiment.run(experiment.Request(**request))
    return capsys.readouterr().out.splitlines()


def test_the_commands_of_missing_runs_are_printed(tmp_path, capsys):
    request = {"table": "2", "output_dir": str(tmp_path / "out"), "report_dir": str(tmp_path / "report"), "seeds": 2}
    first, *lines = printed(capsys, **request, print_commands=True)
    assert shlex.split(first)[:2] == ["t2t-datagen", "--problem=mini"]
    assert len(lines) == 2 * 10 and all(shlex.split(line)[0] == "t2t-experiments" for line in lines)
    done = make_run(MINI, joint(), 2)
    keep(Folders(tmp_path / "out", "mini").result(done), result_of(done, MINI))
    _, *left = printed(capsys, **request, print_commands=True)
    assert len(left) == 19 and not any(done.name in line for line in left)


def test_what_other_processes_made_is_gathered(tmp_path):
    request = {"table": "2", "output_dir": str(tmp_path / "out"), "report_dir": str(tmp_path / "report")}
    for seed, folder in ((1, tmp_path / "elsewhere"), (2, tmp_path / "out")):
        done = make_run(MINI, joint(), seed)
        keep(Folders(folder, "mini").result(done), result_of(done, MINI))
        experiment.run(experiment.Request(**{**request, "output_dir": str(folder)}, report_only=True))
    names = [result["name"] for result in read_lines(tmp_path / "report" / "results" / "mini.jsonl")]
    assert names == [make_run(MINI, joint(), seed).name for seed in (1, 2)]


def test_a_plan_counts_shared_runs_once(capsys):
    lines = printed(capsys, table="1,2", seeds=2, plan=True, flops=1e12)
    by_table = {line.split("  ")[0].strip(): line.split() for line in lines}
    assert by_table["1"][1:3] == by_table["2"][1:3] == by_table["all, shared runs once"][4:6]
    assert by_table["1"][1] == "20" and by_table["1"][2] == f"{2 * 18 * MINI.steps:,}"
    assert "GiB" in lines[-1]


def test_an_unknown_run_says_where_names_are_listed(tmp_path):
    with pytest.raises(ExperimentError, match="--print_commands lists them"):
        experiment.run(experiment.Request(run="all-nine-seed1-0123456789", output_dir=str(tmp_path)))


def test_of_a_killed_run_the_signal_is_named(tiny, tmp_path, monkeypatch, capsys):
    (tmp_path / "kills_itself.py").write_text("import os\n\nprint('step 1/2', flush=True)\nos.kill(os.getpid(), 9)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(runner, "_MODULE", "kills_itself")
    monkeypatch.setattr(runner.api, "generate_data", lambda *args, **kwargs: None)
    with pytest.raises(ExperimentError, match="1 of 1 runs failed"):
        runner.make_all([make_run(tiny, joint(), 1)], str(tmp_path))
    assert capsys.readouterr().out.endswith("failed: killed by signal 9\n")


def test_a_failed_run_is_named_and_the_others_are_made(tiny, tmp_path, monkeypatch, capsys):
    runs = [make_run(tiny, joint(without=role), 1) for role in ROLES[:2]]
    monkeypatch.setattr(runner, "_MODULE", "no_such_module")
    monkeypatch.setattr(runner.api, "generate_data", lambda *args, **kwargs: None)
    with pytest.raises(ExperimentError, match="2 of 2 runs failed"):
        runner.make_all(runs, str(tmp_path), jobs=2)
    lines = capsys.readouterr().out
    assert all(f"{run.name}: failed" in lines and "no_such_module" in lines for run in runs)


@pytest.mark.slow
def test_a_run_is_made_once_and_its_result_kept(tiny, tmp_path):
    untested = dataclasses.replace(tiny, data_options=f"{tiny.data_options},mini_image_class.test_examples=0")
    run = make_run(untested, dataclasses.replace(together(("parsing", "images"), 8), gradients=1, metrics=True), 1)
    runner.make(run, str(tmp_path))
    folders = Folders(tmp_path, "tiny")
    result = json.loads(folders.result(run).read_text())
    parsing, images = tiny.tasks["parsing"], tiny.tasks["images"]
    assert result["name"] == run.name and result["mix"] == {parsing: 2, images: 2}
    assert [(one["step"], one["problem"]) for one in result["dev"][-2:]] == [(4, images), (4, parsing)]
    scored = {one["problem"]: one for one in result["metrics"]}
    assert scored[parsing]["split"] == "test" and "bracket_f1" in scored[parsing]
    assert scored[images]["split"] == "dev" and "top5" in scored[images]
    assert result["gradients"]["problems"] == [images, parsing] and len(result["gradients"]["effect"]) == 2
    assert sum(result["loads"][parsing]["encoder"]) == pytest.approx(1, abs=1e-2)
    assert result["flops"][parsing] > 0 and result["parameters"] > 0 and result["seconds"] > 0
    assert not list(folders.training(run).glob("ckpt-*"))
    before = folders.result(run).stat().st_mtime_ns
    runner.make(run, str(tmp_path))
    assert folders.result(run).stat().st_mtime_ns == before and runner.missing([run, run], folders) == []
