"""Quick start, tutorials, own data and README: every command runs, on small data, models and trainings."""

import pathlib

import pytest

from tests import page_blocks, warm_commands
from tests.problems import contract_corpora

CORPORA = {
    "text": contract_corpora.own_text,
    "pictures": contract_corpora.own_pictures,
    "captions": contract_corpora.own_captions,
    "speech": contract_corpora.own_speech,
    "treebank": contract_corpora.treebank,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> pathlib.Path:
    """A folder with the corpora that the pages speak of."""
    folder = tmp_path_factory.mktemp("project")
    for name, write in CORPORA.items():
        write(folder / "corpora" / name)
    (folder / "inputs.txt").write_text("the cat sees a dog\nmy house\n")
    return folder


def run(page: str, folder: pathlib.Path, section: str = "") -> list[str]:
    """What the commands of a page, or of a section of it, print."""
    lines = page_blocks.lines_of(page, section=section)
    assert lines, section
    return [warm_commands.run_line(line.replace(".venv/bin/", ""), folder, warm_commands.shortened) for line in lines]


@pytest.mark.slow
def test_the_quick_start(project):
    printed = run("docs/quickstart.md", project)
    assert "mini_translate_defr" in printed[0] and "mini_parsing" in printed[1]
    assert (project / "output.txt").read_text().count("\n") == 1
    assert "bracket_f1" in printed[-2] and (project / "report/page.html").exists() and (project / "data.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "score"),
    [("speech", "wer"), ("images", "top5"), ("captions", "cider"), ("parsing", "bracket_f1"), ("translation", "bleu")],
)
def test_a_tutorial(task, score, project):
    printed = run(f"docs/tutorials/{task}.md", project)
    assert any(score in text for text in printed)
    assert (project / f"report_{task}/page.html").exists()


@pytest.mark.slow
def test_own_data_without_code(project):
    printed = run("docs/new_problem.md", project, "Own data without code")
    assert "bleu" in printed[3] and (project / "outputs.txt").read_text().count("\n") == 2


@pytest.mark.slow
def test_the_generated_data_of_the_page_of_data(tmp_path):
    listed, written = run("docs/data.md", tmp_path)
    assert "multimodel_mini_plus" in listed and "mini_translate_defr" in written


@pytest.mark.slow
def test_the_printed_commands_of_the_page_of_reproduction(tmp_path):
    pytest.importorskip("scipy", reason="experiments need SciPy; pip install '.[experiments]'")
    (printed,) = run("docs/reproduction/index.md", tmp_path)
    assert printed.startswith("t2t-datagen --problem=mini ") and printed.count("--run=") > 20


@pytest.mark.slow
def test_what_readme_does_with_its_run(project, tmp_path):
    if not (project / "runs/mini").exists():
        pytest.skip("it needs the run of test_the_quick_start; run the whole file")
    (tmp_path / "runs/mini").mkdir(parents=True)
    (tmp_path / "runs/mini/data").symlink_to(project / "data/mini")
    (tmp_path / "runs/mini/model").symlink_to(project / "runs/mini")
    run("README.md", tmp_path, "Then")
    assert (tmp_path / "output.txt").read_text().count("\n") == 1 and (tmp_path / "caption.html").exists()
    code = "\n".join(page_blocks.lines_of("README.md", "python", "Then"))
    assert warm_commands.run_python(code, tmp_path).endswith("\n")
