"""What the report shows of one problem."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from t2t_multimodel.data.console import number
from t2t_multimodel.data.inspect.side import Side
from t2t_multimodel.report.attention import Attention


@dataclasses.dataclass(frozen=True)
class ShownExample:
    """One decoded example.

    Attributes:
        row: of the split.
        score: its own score, by `ProblemReport.ranked_by`.
        log_probability: that the model gives its output, in nats.
        inputs: the input in a form for people.
        output: what the model put out.
        references: what it should have put out.
        attention: between output and source, or None.
    """

    row: int
    score: float
    log_probability: float
    inputs: Side
    output: str
    references: tuple[str, ...]
    attention: Attention | None = None


@dataclasses.dataclass(frozen=True)
class ProblemReport:
    """One problem of a checkpoint.

    Attributes:
        record: as metrics.jsonl has it.
        metrics: names of the scores that have precedence, in the problem's order.
        ranked_by: the score that best and worst are told by, or None where nothing was decoded.
        best, worst: examples, the best and the worst first.
        trees: outputs and references are trees in brackets.
        confusion: how often each class (row) was taken for each (column), `[classes, classes]`, or None.
        class_names: of the classes.
        loads: of each mixture by its name, the share of the problem's tokens that each expert got, `[experts]`.
    """

    record: dict[str, Any]
    metrics: tuple[str, ...]
    ranked_by: str | None = None
    best: tuple[ShownExample, ...] = ()
    worst: tuple[ShownExample, ...] = ()
    trees: bool = False
    confusion: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    loads: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.record["problem"]

    def scores(self) -> list[tuple[str, float, list[float] | None, float | None]]:
        """Name, value, interval and baseline of each score: loss and accuracies, then the task's own.

        Intervals and baselines are None where there are none.
        """
        record, common = self.record, {"loss": "baseline_loss", "token_accuracy": "baseline_accuracy"}
        names = ["loss", "token_accuracy", "sequence_accuracy", "top1", "top5", *self.metrics]
        return [
            (name, record[name], record.get(f"{name}_interval"), record.get(common.get(name, "")))
            for name in names
            if name in record
        ]


SCORE_HEAD = ("problem", "score", "value", "95% interval", "baseline")


def score_cells(report: ProblemReport) -> list[tuple[str, ...]]:
    """The rows of a table of scores below `SCORE_HEAD`."""
    return [
        (
            report.name,
            name,
            number(value),
            f"{number(interval[0])} to {number(interval[1])}" if interval else "",
            "" if baseline is None else number(baseline),
        )
        for name, value, interval, baseline in report.scores()
    ]


def confusions(report: ProblemReport, most: int = 20) -> list[tuple[str, str, int]]:
    """The most frequent confusions: the right class, the one it was taken for, and how often."""
    if report.confusion is None:
        return []
    wrong = report.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = [divmod(int(cell), len(wrong)) for cell in order]
    return [
        (report.class_names[row], report.class_names[column], int(wrong[row, column]))
        for row, column in cells
        if wrong[row, column]
    ]
