"""Docstring examples of the data engine, of trees, of trainings and of the box run and give what stands below them."""

import doctest
import importlib
import pkgutil

import pytest

_PACKAGES = ("t2t_multimodel.data.generation", "t2t_multimodel.data.records", "t2t_multimodel.text")
_MODULES = [
    "t2t_multimodel.demo",
    "t2t_multimodel.data.console",
    "t2t_multimodel.data.input.static_shapes",
    "t2t_multimodel.data.metadata",
    "t2t_multimodel.data.storage",
    "t2t_multimodel.data.remote.path",
    "t2t_multimodel.runs.selection.best",
    "t2t_multimodel.runs.selection.chosen_metric",
]
_MODULES += ["t2t_multimodel.data.inspect.markup", "t2t_multimodel.data.inspect.heat_map"]
_MODULES += [f"t2t_multimodel.training.watch.{name}" for name in ("plain", "profile")]
_MODULES += ["t2t_multimodel.training.track.make"]
_MODULES += ["t2t_multimodel.report.runs.curves"]
_MODULES += [f"t2t_multimodel.experiments.{name}" for name in ("document", "law", "plots", "statistics")]
for _name in _PACKAGES:
    _MODULES += [f"{_name}.{entry.name}" for entry in pkgutil.iter_modules(importlib.import_module(_name).__path__)]
_EXAMPLES = [
    test
    for name in _MODULES
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    if test.examples
]


def test_there_are_examples():
    assert len(_EXAMPLES) > 20


@pytest.mark.parametrize("example", _EXAMPLES, ids=[test.name for test in _EXAMPLES])
def test_example(example, tmp_path, monkeypatch, mini_data):
    (tmp_path / "data").symlink_to(mini_data)
    monkeypatch.chdir(tmp_path)
    printed = []
    assert doctest.DocTestRunner().run(example, out=printed.append).failed == 0, "".join(printed)
