"""Every block of commands or code in the documentation is executed by a test, or says why it is not."""

import pytest

from tests.page_blocks import DOCS, ROOT, blocks

LANGUAGES = {"sh", "python", "toml", "yaml", "text", ""}
SHOWN = {"text", ""}  # what is printed, layouts of folders and the like

# Page, section ("" is all of it), languages, and the test that executes the blocks there that have no mark.
EXECUTED = [
    ("README.md", "Then", "sh python", "tests/test_docs_tutorials.py"),
    ("docs/data.md", "Data: t2t-datagen", "sh", "tests/test_docs_tutorials.py"),
    ("docs/distributed.md", "Several processes", "sh", "tests/integration/test_workers.py"),
    ("docs/finetuning.md", "", "sh python", "tests/test_docs_training.py"),
    ("docs/metrics.md", "", "python", "tests/test_docs_metrics.py"),
    ("docs/new_modality.md", "", "sh python", "tests/test_docs_new_modality.py"),
    ("docs/new_problem.md", "Own data without code", "sh", "tests/test_docs_tutorials.py"),
    ("docs/new_problem.md", "An own Problem class", "sh python toml", "tests/test_docs_new_problem.py"),
    ("docs/python.md", "", "python", "tests/test_docs_python.py"),
    ("docs/quickstart.md", "", "sh", "tests/test_docs_tutorials.py"),
    ("docs/reproduction/index.md", "Make them", "sh", "tests/test_docs_tutorials.py"),
    ("docs/serving.md", "Clients", "sh python", "tests/serving/http/test_docs_serving.py"),
    ("docs/serving.md", "A SavedModel", "sh", "tests/bin/test_t2t_exporter.py"),
    ("docs/serving.md", "A SavedModel", "python", "tests/serving/export/test_bare_environment.py"),
    ("docs/training.md", "", "sh", "tests/test_docs_training.py"),
]
EXECUTED += [
    (f"docs/tutorials/{task}.md", "", "sh", "tests/test_docs_tutorials.py")
    for task in ("speech", "images", "captions", "parsing", "translation")
]
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def is_executed(page: str, block) -> bool:
    return any(
        page == where and block.is_below(section) and block.language in languages.split()
        for where, section, languages, _ in EXECUTED
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_block_is_executed_or_says_why_not(path):
    page = str(path.relative_to(ROOT))
    for block in blocks(path):
        where = (page, *block.sections[1:], block.text[:100])
        assert block.language in LANGUAGES, where
        known = block.language in SHOWN or block.reason or is_executed(page, block)
        assert known, ("execute it in a test, or write <!-- not executed: REASON -->", where)


def test_what_a_test_executes_is_there():
    for page, section, languages, test in EXECUTED:
        unmarked = {one.language for one in blocks(ROOT / page) if one.is_below(section) and not one.reason}
        assert set(languages.split()) <= unmarked, (page, section)
        source = (ROOT / test).read_text(encoding="utf-8")
        parts = (page, page.rpartition("/")[2], page.removesuffix(".md").rpartition("/")[2])
        assert any(part in source for part in parts), (test, "does not name", page)


def test_a_mark_stands_before_a_block():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        of_page = text.count("<!-- no block of this page is executed: ")
        marks = text.count("<!-- not executed: ")
        assert of_page + bool(marks) <= 1, path
        assert of_page or marks == sum(bool(one.reason) for one in blocks(path)), path
