"""The comparison of runs whose folders the test writes."""

import json
import re

import pytest
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.report.runs.comparison import compare
from t2t_multimodel.report.runs.curves import curves
from t2t_multimodel.report.runs.files import render
from t2t_multimodel.report.runs.history import TRAINING_LOSS


def record(step, problem, loss, **more):
    return {
        "step": step, "problem": problem, "split": "dev", "examples": 9, "loss": loss, "token_accuracy": 0.5,
        "baseline_loss": 4.0, **more,
    }  # fmt: skip


def write_run(folder, records, hparams="", seed=0):
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    values = json.loads(registry.hparams("multimodel_mini").override(hparams).to_json())
    (folder / "model.json").write_text(json.dumps({"hparams": values, "seed": seed, "problems": ["a", "b"]}))
    return folder


@pytest.fixture
def runs(tmp_path):
    first = write_run(
        tmp_path / "one" / "run",
        [record(10, "a", 3.0), record(20, "a", 2.0), record(30, "a", 2.5), record(30, "b", 1.0)],
    )
    second = write_run(
        tmp_path / "two" / "run", [record(10, "a", 2.8), record(10, "a", 2.8, bleu=7.5)], "body.depth=64,dropout=0.3", 5
    )
    with tf.summary.create_file_writer(str(first / "events")).as_default():
        for step, loss in ((10, 3.3), (30, 2.7)):
            tf.summary.scalar("loss/a", loss, step=step)
            tf.summary.scalar("dev_loss/a", loss, step=step)
    return first, second


def test_final_scores_stand_beside_the_least_loss(runs):
    found = compare(runs)
    assert [run.name for run in found.runs] == ["one/run", "two/run"]
    assert found.problems == ["a", "b"]
    head, *rows = found.table("a")
    assert [dict(zip(head, row)) for row in rows] == [
        {
            "run": "one/run", "step": "30", "loss": "2.5", "token_accuracy": "0.5", "bleu": "—", "baseline loss": "4",
            "least loss": "2", "at step": "20",
        },
        {
            "run": "two/run", "step": "10", "loss": "2.8", "token_accuracy": "0.5", "bleu": "7.5",
            "baseline loss": "4", "least loss": "2.8", "at step": "10",
        },
    ]  # fmt: skip
    assert [row[0] for row in found.table("b")[1:]] == ["one/run"]
    assert found.runs[0].relative_loss() == pytest.approx((2.5 / 4 + 1.0 / 4) / 2)


def test_what_differs_in_hyperparameters(runs):
    assert compare(runs).differences() == [
        ("hyperparameter", "one/run", "two/run"),
        ("body.depth", "96", "64"),
        ("regularization.dropout", str(registry.hparams("multimodel_mini").regularization.dropout), "0.3"),
        ("seed", "0", "5"),
    ]


def test_curves_go_over_steps_and_where_there_are_events_over_time(runs):
    one, two = compare(runs).runs
    assert [(point.step, point.value) for point in one.curve("a", "loss")] == [(10, 3.0), (20, 2.0), (30, 2.5)]
    assert [point.seconds is None for point in one.curve("a", "loss")] == [False, True, False]
    assert [round(point.value, 4) for point in one.curve("a", TRAINING_LOSS)] == [3.3, 2.7]
    assert two.curve("a", TRAINING_LOSS) == [] and two.curve("a", "loss")[0].seconds is None


def test_the_page_needs_no_other_file_and_reads_in_the_dark(runs):
    page = render(compare(runs), "html")
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg class='curves'") == 7 + 4  # of a, where bleu has no times, and of b
    assert "one/run: 2 at 20" in page and "body.depth" in page


def test_markdown_and_json_hold_the_figures(runs):
    found = compare(runs)
    markdown = render(found, "markdown")
    assert "| one/run | 30 | 2.5 |" in markdown and "## What differs" in markdown
    data = json.loads(render(found, "json"))
    assert [run["run"] for run in data["runs"]] == ["one/run", "two/run"]
    assert data["runs"][0]["records"]["a"][1]["loss"] == 2.0
    assert data["differences"][0] == {"hyperparameter": "body.depth", "one/run": "96", "two/run": "64"}


BROKEN = {
    "missing": lambda folder: None,
    "empty": lambda folder: folder.mkdir(),
    "other lines": lambda folder: (folder.mkdir(), (folder / "metrics.jsonl").write_text('[1]\n{"step": "x"}\nno\n')),
    "a file": lambda folder: folder.write_text("no folder"),
    "bytes": lambda folder: (folder.mkdir(), (folder / "metrics.jsonl").write_bytes(b"\xff\xfe")),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_run_costs_itself_alone(runs, tmp_path, capsys, kind):
    broken = tmp_path / "broken"
    BROKEN[kind](broken)
    found = compare([runs[0], broken])
    assert len(found.runs) == 1 and len(found.notes) == 1 and str(broken) in found.notes[0] and ";" in found.notes[0]
    assert f"warning: {found.notes[0]}" in capsys.readouterr().err
    with pytest.raises(MultiModelError, match=re.escape(str(broken))):
        compare([broken])


@pytest.mark.parametrize("text", ["{", "[]", '{"hparams": 3, "seed": 1, "problems": []}'])
def test_a_run_without_its_manifest_still_has_its_curves(runs, text):
    (runs[1] / "model.json").write_text(text)
    found = compare(runs)
    assert len(found.runs) == 2 and "hyperparameters" in found.notes[0]
    assert len(found.differences()) == 1 and "two/run" in render(found, "html")


def test_lines_without_points_are_not_drawn_and_one_point_is():
    assert curves("loss", "steps", {}, []) == ""
    drawing = curves("loss", "steps", {"<a>": [(5.0, 2.0)]}, ["<a>"])
    assert drawing.count("<circle") == 1 and "&lt;a&gt;: 2 at 5" in drawing
