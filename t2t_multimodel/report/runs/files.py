"""The forms in which a comparison is written."""

from __future__ import annotations

import json

from t2t_multimodel.report.runs.comparison import Comparison
from t2t_multimodel.report.runs.page import as_markdown, as_page

TITLE = "Trainings compared"


def render(found: Comparison, form: str) -> str:
    """A comparison as text.

    Args:
        found: of `compare`.
        form: ``"html"``, ``"markdown"`` or ``"json"``.

    Example:
        print(render(compare(["runs/joint", "runs/single"]), "markdown"))
    """
    if form == "json":
        return json.dumps({"title": TITLE, **found.as_json()}, ensure_ascii=False) + "\n"
    return {"html": as_page, "markdown": as_markdown}[form](TITLE, found)
