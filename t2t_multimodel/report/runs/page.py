"""The comparison as one HTML page that needs no other file, and as Markdown."""

from __future__ import annotations

import html
from collections.abc import Sequence

from t2t_multimodel.data.inspect import markup
from t2t_multimodel.report.runs.comparison import Comparison
from t2t_multimodel.report.runs.curves import STYLE, curves, key
from t2t_multimodel.report.runs.history import TRAINING_LOSS

_STYLE = (
    STYLE
    + markup.DARK
    + """
.scroll { overflow-x: auto } .keys { position: sticky; top: 0; background: #fff; padding: .4em 0 }
@media (prefers-color-scheme: dark) { .keys { background: #16181c } }
"""
)


def as_page(title: str, found: Comparison) -> str:
    """The HTML text.

    Args:
        title: plain text.
        found: of `compare`.
    """
    names = [run.name for run in found.runs]
    parts = [f"<h1>{html.escape(title)}</h1><div class='keys'>{key(names)}</div>", _table(found.overview())]
    parts += [f"<p class='size'>{html.escape(note)}</p>" for note in found.notes]
    if len(rows := found.differences()) > 1:
        parts.append(f"<h2>What differs</h2>{_table(rows)}")
    for problem in found.problems:
        parts.append(f"<h2>{html.escape(problem)}</h2>{_table(found.table(problem))}{_drawings(found, problem)}")
    return markup.document(title, "\n".join(parts), _STYLE)


def _table(rows: Sequence[Sequence[str]]) -> str:
    return f"<div class='scroll'><table>{markup.row(rows[0], 'th')}{''.join(map(markup.row, rows[1:]))}</table></div>"


def _drawings(found: Comparison, problem: str) -> str:
    names, parts = [run.name for run in found.runs], []
    for score in (*found.scores(problem), TRAINING_LOSS):
        lines = {run.name: run.curve(problem, score) for run in found.runs}
        steps = {name: [(point.step, point.value) for point in line] for name, line in lines.items() if line}
        minutes = {
            name: [(point.seconds / 60, point.value) for point in line if point.seconds is not None]
            for name, line in lines.items()
        }
        title = score if score == TRAINING_LOSS else f"dev {score}"
        parts.append(curves(title, "steps", steps, names))
        parts.append(curves(title, "minutes", {name: line for name, line in minutes.items() if line}, names))
    return "".join(parts)


def as_markdown(title: str, found: Comparison) -> str:
    """The tables."""
    parts = [f"# {title}", _markdown(found.overview()), *(f"- {note}" for note in found.notes)]
    if len(rows := found.differences()) > 1:
        parts += ["## What differs", _markdown(rows)]
    for problem in found.problems:
        parts += [f"## {problem}", _markdown(found.table(problem))]
    return "\n\n".join(parts) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
