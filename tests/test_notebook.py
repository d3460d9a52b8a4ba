"""notebooks/quickstart.ipynb runs from its first cell to its last, and is kept without outputs."""

import ast
import json
import pathlib

import pytest

PATH = pathlib.Path(__file__).resolve().parents[1] / "notebooks" / "quickstart.ipynb"


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs_in_short_cells():
    cells = code_cells(json.loads(PATH.read_text(encoding="utf-8")))
    assert len(cells) > 8
    for cell in cells:
        assert cell["outputs"] == [] and cell["execution_count"] is None
        assert len(cell["source"]) <= 12 and ast.parse("".join(cell["source"]))


@pytest.mark.slow
def test_every_cell_runs(tmp_path, monkeypatch):
    reason = "nbclient or ipykernel is not installed; pip install '.[test]' to run the notebook"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(PATH, as_version=4)
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    printed = "".join(output.get("text", "") for output in outputs)
    assert kinds.count("image/svg+xml") == 3 and kinds.count("image/png") == 5
    assert "baseline" in printed and "Quadrat" in printed and (tmp_path / "run" / "model.json").exists()
