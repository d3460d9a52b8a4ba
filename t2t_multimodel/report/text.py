"""The report as plain text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.console import number, table
from t2t_multimodel.data.inspect.report import printable
from t2t_multimodel.report.problem_report import (
    SCORE_HEAD,
    ProblemReport,
    ShownExample,
    confusions,
    score_cells,
)

_MOST_EXPERTS = 5
VERSION = 1


def as_text(title: str, reports: Sequence[ProblemReport]) -> str:
    """Scores with intervals and baselines, the experts that serve each problem most, and examples."""
    scores = [cells for report in reports for cells in score_cells(report)]
    parts = [title, "=" * len(title), "", table([SCORE_HEAD, *scores])]
    for report in reports:
        parts += ["", report.name, "-" * len(report.name)]
        parts += [_experts(mixture, load) for mixture, load in report.loads.items()]
        parts += [f"{wanted} taken for {found}: {count}" for wanted, found, count in confusions(report, 5)]
        for kind, examples in (("best", report.best), ("worst", report.worst)):
            for example in examples:
                parts += ["", *_example(kind, report, example)]
    return "\n".join(parts) + "\n"


def _experts(mixture: str, load: np.ndarray) -> str:
    most = np.argsort(-load, kind="stable")[:_MOST_EXPERTS]
    return f"experts of the {mixture}: " + ", ".join(f"{expert} {load[expert]:.1%}" for expert in most)


def _example(kind: str, report: ProblemReport, example: ShownExample) -> list[str]:
    return [
        f"{kind}, row {example.row}, {report.ranked_by} {number(example.score)}",
        f"input:     {printable(example.inputs.text)}",
        f"output:    {printable(example.output)}",
        *(f"reference: {printable(text)}" for text in example.references),
    ]


def as_json(title: str, reports: Sequence[ProblemReport]) -> dict[str, Any]:
    """All figures of the report, without pictures and sound."""
    return {"version": VERSION, "title": title, "problems": [_problem(report) for report in reports]}


def _problem(report: ProblemReport) -> dict[str, Any]:
    found: dict[str, Any] = {"problem": report.name, "record": report.record, "ranked_by": report.ranked_by}
    found["best"] = [_example_json(example) for example in report.best]
    found["worst"] = [_example_json(example) for example in report.worst]
    found["expert_loads"] = {mixture: np.round(load, 6).tolist() for mixture, load in report.loads.items()}
    if report.confusion is not None:
        cells = [[int(i), int(j), int(report.confusion[i, j])] for i, j in zip(*np.nonzero(report.confusion))]
        found["confusion"] = {"classes": list(report.class_names), "wanted_predicted_count": cells}
    return found


def _example_json(example: ShownExample) -> dict[str, Any]:
    found: dict[str, Any] = {
        "row": example.row,
        "score": example.score,
        "log_probability": example.log_probability,
        "input": example.inputs.text,
        "output": example.output,
        "references": list(example.references),
    }
    if example.attention is not None:
        attention = example.attention
        found["attention"] = {
            "outputs": attention.outputs,
            "sources": attention.sources,
            "grid": attention.grid,
            "weights": np.round(attention.weights, 4).tolist(),
        }
    return found
