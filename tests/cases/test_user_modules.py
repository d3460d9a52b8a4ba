"""Row `--t2t_usr_dir`: errors with file and line, private names, names of the project, hints."""

import subprocess
import sys

import pytest

PROBLEM = """
import dataclasses
import {imported}
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.registry import register_problem

@dataclasses.dataclass(frozen=True)
class MySpec(SymbolSpec):
    pass

@register_problem("{name}")
class Mine(Problem):
    inputs = MySpec()
    targets = SymbolSpec()
    command = "to_mine"

    def examples(self, split, source):
        for i in range(60):
            yield {{"inputs": f"a small circle {{i}}", "targets": f"ein kleiner Kreis {{i}}"}}
"""


def datagen(usr_dir, folder, *flags, problem="random_words"):
    return subprocess.run(
        [
            sys.executable, "-m", "t2t_multimodel.bin.t2t_datagen", f"--t2t_usr_dir={usr_dir}",
            f"--problem={problem}", f"--data_dir={folder / 'data'}", "--vocab_size=300", *flags,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def one_line(done) -> str:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\ndef broken(:\n", 2, "SyntaxError"),
        ("x = 1\n\nimport no_such_package\n", 3, "No module named 'no_such_package'"),
        ("from t2t_multimodel.data.problem import Problm\n", 1, "cannot import name 'Problm'"),
        ("def f():\n    return 1 / 0\nf()\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, text, line, words):
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "my_problem.py").write_text(text)
    message = one_line(datagen(tmp_path / "usr", tmp_path))
    assert f"{tmp_path / 'usr' / 'my_problem.py'}, line {line}: " in message and words in message


def test_an_error_while_examples_are_read_names_file_and_line(tmp_path):
    (tmp_path / "usr").mkdir()
    text = PROBLEM.format(imported="os", name="random_words").replace("for i in", "{}['text']; x = 1\n        for i in")
    (tmp_path / "usr" / "my_problem.py").write_text(text)
    number = 1 + text[: text.index("['text']")].count("\n")
    message = one_line(datagen(tmp_path / "usr", tmp_path))
    assert f"my_problem.py, line {number}: KeyError: 'text'" in message


def test_a_broken_installed_package_is_named(monkeypatch):
    import importlib.metadata

    from t2t_multimodel import registry
    from t2t_multimodel.errors import UserModuleError

    entry = importlib.metadata.EntryPoint("mine", "no_such_package.problems", "t2t_multimodel.problems")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    registry._load_entry_points.cache_clear()
    with pytest.raises(UserModuleError, match=r"no_such_package.problems.*cannot be imported.*uninstall its package"):
        registry.problem_names()


def test_debug_shows_the_trace(tmp_path):
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "my_problem.py").write_text("import no_such_package\n")
    done = datagen(tmp_path / "usr", tmp_path, "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: --t2t_usr_dir")


@pytest.mark.parametrize("as_package", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_named_random_is_a_module_of_its_own(tmp_path, as_package, workers):
    """Neither is Python's module hidden, nor the user's ignored; workers read its classes, spawned ones as well."""
    usr = tmp_path / "json"
    usr.mkdir()
    (usr / "random.py").write_text(PROBLEM.format(imported="tensorflow", name="random_words"))  # starts threads
    if as_package:
        (usr / "__init__.py").write_text("from . import random\n")
    done = datagen(usr, tmp_path, f"--num_workers={workers}")
    assert done.returncode == 0, done.stderr
    assert "random_words: 180 examples written" in done.stdout


def test_modules_import_one_another_by_plain_names(tmp_path):
    usr = tmp_path / "usr"
    usr.mkdir()
    (usr / "a_problem.py").write_text(PROBLEM.format(imported="shared_words", name="random_words"))
    (usr / "shared_words.py").write_text("import a_problem\nWORDS = ['a']\n")
    code = f"""
import random, sys
from t2t_multimodel import registry
registry.import_usr_dir({str(usr)!r})
import a_problem, shared_words
assert a_problem.shared_words is shared_words
assert isinstance(registry.problem("random_words"), a_problem.Mine)
assert a_problem.__name__.startswith("t2t_usr_dir_") and a_problem.__spec__.name == a_problem.__name__
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_of_a_package_import_one_another_by_its_name(tmp_path):
    usr = tmp_path / "my_words"
    usr.mkdir()
    (usr / "__init__.py").write_text("from my_words import a_problem\n")
    (usr / "a_problem.py").write_text(PROBLEM.format(imported="my_words.shared_words", name="random_words"))
    (usr / "shared_words.py").write_text("WORDS = ['a']\n")
    code = f"""
from t2t_multimodel import registry
registry.import_usr_dir({str(usr)!r})
import my_words.a_problem
assert type(registry.problem("random_words")) is my_words.a_problem.Mine
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_of_a_built_in_problem_names_both_places(tmp_path):
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "mine.py").write_text(PROBLEM.format(imported="os", name="mini_caption"))
    message = one_line(datagen(tmp_path / "usr", tmp_path, problem="mini_caption"))
    assert str(tmp_path / "usr" / "mine.py") in message and "t2t_multimodel.problems.mini.problems" in message


def test_an_unknown_problem_mentions_the_flag(tmp_path):
    (tmp_path / "usr").mkdir()
    assert "does not register it" in one_line(datagen(tmp_path / "usr", tmp_path, problem="my_problem"))
    assert "--t2t_usr_dir=FOLDER" in one_line(datagen("", tmp_path, problem="my_problem"))
    assert "is not a folder" in one_line(datagen(tmp_path / "none", tmp_path))
