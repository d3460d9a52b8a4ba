"""The model in the box: what it is, and that its scores hold."""

import json
import pathlib
import shutil

import pytest

import t2t_multimodel as t2t
from t2t_multimodel import demo, registry
from t2t_multimodel.demo.make import demo_scores, make_demo

FOLDER = pathlib.Path(demo.__file__).parent
# Scores of 100 a point, and the others; sums round differently on other processors.
PERCENT = ("bleu", "bleu_4", "chrf", "ter")


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.suffix != ".pyc") < 4 << 20


def test_every_problem_has_examples_that_exist():
    found = demo.examples()
    assert sorted(found) == sorted(registry.expand_problems("mini"))
    for examples in found.values():
        assert len(examples) >= 3
        for one in examples:
            assert one.label and (one.text is None) != (one.file is None)
            assert one.file is None or pathlib.Path(one.file).stat().st_size > 500


def test_making_it_from_itself_changes_nothing(tmp_path):
    make_demo(demo.run_folder(), data_dir=None, to=tmp_path)
    for path in (*FOLDER.glob("run/*"), *FOLDER.glob("examples/*")):
        assert (tmp_path / path.relative_to(FOLDER)).read_bytes() == path.read_bytes(), path.name


def test_it_is_loaded_by_name():
    model = t2t.load("demo")
    assert model.step == 2000 and model.problems == registry.expand_problems("mini")


@pytest.fixture(scope="module")
def mini_test_split(tmp_path_factory):
    """The test split that the scores are of, with the model's vocabulary."""
    folder = tmp_path_factory.mktemp("demo_data")
    for name in ("vocab.json", "vocab.model"):
        shutil.copy(FOLDER / "run" / name, folder)
    t2t.generate_data("mini", data_dir=folder, options="train_examples=20,dev_examples=0", num_shards=1)
    return folder


@pytest.mark.slow
def test_its_scores_hold(mini_test_split):
    stored = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))
    found = demo_scores(t2t.load("demo"), mini_test_split)
    assert found.keys() == stored.keys()
    for problem, scores in stored.items():
        for name, score in scores.items():
            allowed = 0.5 if name in PERCENT else 0.01
            assert found[problem][name] == pytest.approx(score, abs=allowed), (problem, name)
