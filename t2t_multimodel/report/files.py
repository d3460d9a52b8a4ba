"""The files of a report."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence

from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.errors import DataError
from t2t_multimodel.report.page import page
from t2t_multimodel.report.problem_report import ProblemReport
from t2t_multimodel.report.text import as_json, as_text


def write_report(folder: str | os.PathLike, title: str, reports: Sequence[ProblemReport]) -> list[pathlib.Path]:
    """Writes ``page.html``, ``report.json`` and ``report.txt``; returns their paths.

    Args:
        folder: made where it is missing.
        title: plain text.
        reports: of the problems.

    Raises:
        DataError: the folder cannot be written.
    """
    folder = pathlib.Path(folder)
    contents = {
        "page.html": page(title, reports),
        "report.json": json.dumps(as_json(title, reports), ensure_ascii=False) + "\n",
        "report.txt": as_text(title, reports),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            write_atomically(folder / name, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); give another --report") from error
    return [folder / name for name in contents]
