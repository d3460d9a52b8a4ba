"""The examples in docstrings of metrics and vocabularies run, and give the values written beside them."""

import ast
import importlib
import inspect
import pathlib
import pkgutil
import re
import shutil
import textwrap

import pytest

PACKAGES = ("t2t_multimodel.metrics", "t2t_multimodel.data.vocabulary")
# Methods, which the example of their class shows, and the decorator, which every metric shows.
WITHOUT = {"register_metric", "label_id", "encode", "encode_batch", "encode_mixed", "encode_mixed_batch"}
WITHOUT |= {
    "scores",
    "example_scores",
    "interval",
    "decode",
    "decode_tokens",
    "piece",
    "save",
    "fingerprint",
    "add",
    "load",
    "in_graph",
}
BLOCK = re.compile(r"```python\n(.*?)```", re.S)


def modules():
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for entry in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{name}.{entry.name}")


def public_docstrings() -> dict[str, str]:
    found = {}
    for module in modules():
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", "") != module.__name__:
                continue
            if inspect.isclass(member):
                found[f"{module.__name__}.{name}"] = inspect.getdoc(member)
                for method, value in vars(member).items():
                    if not method.startswith("_") and inspect.getdoc(value):
                        found[f"{module.__name__}.{name}.{method}"] = inspect.getdoc(value)
            elif inspect.isfunction(member):
                found[f"{module.__name__}.{name}"] = inspect.getdoc(member)
    return found


DOCSTRINGS = public_docstrings()
EXAMPLES = sorted(name for name, text in DOCSTRINGS.items() if "Example:" in text)


def test_public_classes_and_functions_have_an_example():
    lacking = {name for name, text in DOCSTRINGS.items() if "Example:" not in text}
    assert {name for name in lacking if name.rpartition(".")[2] not in WITHOUT} == set()
    assert len(EXAMPLES) > 20


@pytest.fixture
def workplace(tmp_path, monkeypatch, mini_data) -> pathlib.Path:
    """A folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/mini").mkdir(parents=True)
    for file in mini_data.glob("vocab.*"):
        shutil.copy(file, tmp_path / "data/mini")
    for name in ("inputs.txt", "sentences.txt"):
        (tmp_path / name).write_text("a small red circle\nis to the left of a large blue square\n" * 9)
    (tmp_path / "vocab.translate_ende_wmt8k.8192.subwords").write_text("'<pad>'\n'<EOS>'\n'a_'\n")
    return tmp_path


def checked_values(code: str):
    """Each statement, with the value that a comment on its last line states, or None."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        comment = lines[statement.end_lineno - 1][statement.end_col_offset :].strip()
        value = comment.removeprefix("# ") if isinstance(statement, ast.Expr) and comment else None
        yield ast.unparse(statement), value


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, workplace):
    (code,) = BLOCK.findall(DOCSTRINGS[name])
    scope: dict = {}
    for statement, value in checked_values(textwrap.dedent(code)):
        if value is None:
            exec(statement, scope)
            continue
        wanted = eval(value)
        numbers = isinstance(wanted, float | dict)
        assert eval(statement, scope) == (pytest.approx(wanted) if numbers else wanted), statement
