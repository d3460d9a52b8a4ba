"""The report of an experiment, from kept results alone."""

import json
import pathlib
import re

import pytest

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments import experiment, scales
from t2t_multimodel.experiments.results import read_lines, write_lines
from t2t_multimodel.experiments.tables import TABLES
from tests.experiments.made_up import result_of

KEPT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reproduction"
SCALE = scales.SCALES["mini"]


def make_report(folder, scale="mini"):
    experiment.run(experiment.Request(scale=scale, report_only=True, report_dir=str(folder)))
    return (folder / f"{scale}.md").read_text(encoding="utf-8")


def kept_results(folder, tables=tuple(TABLES), seeds=(1, 2, 3)):
    runs = [run for name in tables for run in TABLES[name].runs(SCALE, seeds)]
    write_lines(folder / "results" / "mini.jsonl", [result_of(run, SCALE) for run in runs])
    return runs


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, kept_results(folder), make_report(folder)


def row(text, start):
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_claim_is_judged_by_its_interval_over_seeds(report):
    _, _, text = report
    gains = row(text, "2 | Speech and parsing")
    assert gains[2] == "below 0" and gains[3].startswith("-0.050")  # 0.4 of 4.0, for one of two tasks
    assert gains[4:] == ["3", "supported"]
    harm = row(text, "2 | Tasks with much data")  # 0.04 of 4.0 for pictures, less than the margin
    assert harm[2] == "at most 0.02" and harm[-1] == "supported"
    assert row(text, "2 | One joint model")[-1] == "supported"
    assert row(text, "3 | Parsing gains from training with pictures, a")[-1] == "refuted"  # no difference at all


def test_every_figure_can_be_traced_to_its_run(report):
    _, runs, text = report
    for run in runs:
        assert f"`{run.name}`" in text


def test_no_law_is_claimed_where_more_data_do_not_lower_the_loss(report, tmp_path):
    _, _, text = report
    assert "parsing: the loss alone falls with the examples" in " ".join(text.split())
    results = [result_of(run, SCALE) for run in TABLES["law"].runs(SCALE, (1, 2, 3))]
    for record in (record for result in results for record in result["dev"]):
        record["loss"] = 4.0 - record["loss"]
    write_lines(tmp_path / "results" / "mini.jsonl", results)
    assert "parsing: the loss alone does not fall with the examples" in " ".join(make_report(tmp_path).split())


def test_the_same_results_give_the_same_bytes(report, tmp_path):
    folder, *_ = report
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mini.jsonl").write_bytes((folder / "results" / "mini.jsonl").read_bytes())
    make_report(tmp_path)
    for path in folder.iterdir():
        if path.is_file():
            assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_page_has_the_drawings_within(report):
    folder, *_ = report
    page = (folder / "mini.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(list(folder.glob("*.svg"))) > 5
    assert not re.search(r"(src|href)=.https?:", page.replace("https://arxiv.org", ""))


def test_a_part_of_the_runs_gives_a_report_that_says_what_is_missing(tmp_path):
    kept_results(tmp_path, ["2"], (1,))
    text = make_report(tmp_path)
    assert row(text, "2 | Speech and parsing")[-1] == "undecided"  # one seed has no interval
    assert row(text, "3 | Parsing gains from training with pictures (whole")[-1] == "not run"
    assert "are missing" in text


def test_no_results_and_damaged_lines_say_what_to_do(tmp_path):
    with pytest.raises(ExperimentError, match="without --report_only"):
        make_report(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mini.jsonl").write_text('{"name": "x"\n', encoding="utf-8")
    with pytest.raises(ExperimentError, match="no result"):
        make_report(tmp_path)


def test_lines_are_kept_once_each_in_order(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_lines(path, [{"name": "b", "run": 1}, {"name": "a", "run": 2}, {"name": "b", "run": 3}])
    assert read_lines(path) == [{"name": "a", "run": 2}, {"name": "b", "run": 3}]


@pytest.mark.parametrize("scale", [path.stem for path in sorted((KEPT / "results").glob("*.jsonl"))])
def test_the_committed_report_is_what_its_results_give(scale, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / f"{scale}.jsonl").write_bytes((KEPT / "results" / f"{scale}.jsonl").read_bytes())
    make_report(tmp_path, scale)
    for path in tmp_path.iterdir():
        if path.is_file():
            assert (KEPT / path.name).read_bytes() == path.read_bytes(), f"{path.name}; make it again: t2t-experiments"
    assert json.loads((KEPT / "results" / f"{scale}.jsonl").read_text().splitlines()[0])["run"]
