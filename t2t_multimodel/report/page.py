"""The report as one HTML page that needs no other file."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.data.console import number
from t2t_multimodel.data.inspect import markup
from t2t_multimodel.data.inspect.heat_map import heat_map
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.report import svg
from t2t_multimodel.report.attention import Attention, pooled
from t2t_multimodel.report.problem_report import (
    SCORE_HEAD,
    ProblemReport,
    ShownExample,
    confusions,
    score_cells,
)
from t2t_multimodel.text.bracket_files import parse_tree

_STYLE = """
h3 { font-size: 1em; margin: 1.5em 0 .3em } svg { max-width: 100%; height: auto; display: block; margin: .4em 0 }
.example { border-top: 1px solid #ccc; padding: .8em 0; display: grid; grid-template-columns: 1fr 1fr; gap: 1em }
.example .wide { grid-column: 1 / 3; overflow-x: auto } .example p { margin: .2em 0; overflow-wrap: anywhere }
.token { display: inline-block; text-align: center; margin: 0 .5em .5em 0; font-size: .85em }
.token img { min-height: 0; width: 64px; height: auto } nav a { margin-right: 1em }
"""
_MOST_CLASSES = 64
_MOST_COLUMNS = 120
_MOST_TOKENS = 60


def page(title: str, reports: Sequence[ProblemReport]) -> str:
    """The HTML text.

    Args:
        title: plain text.
        reports: of the problems.
    """
    links = "".join(f"<a href='#{_escape(one.name)}'>{_escape(one.name)}</a>" for one in reports)
    parts = [f"<h1>{_escape(title)}</h1><nav>{links}</nav>", _overview(reports), _experts(reports)]
    return markup.document(title, "\n".join(parts + [_section(one) for one in reports]), _STYLE)


def _overview(reports: Sequence[ProblemReport]) -> str:
    rows = []
    for report in reports:
        for at, cells in enumerate(score_cells(report)):
            rows.append([report.name if at == 0 else "", *cells[1:]])
    return f"<h2>Scores</h2><table>{markup.row(SCORE_HEAD, 'th')}{''.join(map(markup.row, rows))}</table>"


def _experts(reports: Sequence[ProblemReport]) -> str:
    parts = []
    for mixture in dict.fromkeys(name for report in reports for name in report.loads):
        served = [report for report in reports if mixture in report.loads]
        loads = np.stack([report.loads[mixture] for report in served])
        drawing = svg.matrix(loads, [report.name for report in served], form="{:.1%}")
        parts.append(f"<h3>Mixture of the {_escape(mixture)}, {loads.shape[1]} experts</h3>{drawing}")
    if not parts:
        return ""
    return (
        "<h2>Which experts serve which task</h2><p>Each row is a problem, each column an expert; the lighter, the more"
        f" of the problem's tokens it gets.</p>{''.join(parts)}"
    )


def _section(report: ProblemReport) -> str:
    record = report.record
    facts = f"{record['split']} split, step {record['step']}, {record['examples']:,} examples"
    if "decoded_examples" in record:
        facts += f", {record['decoded_examples']:,} decoded"
    parts = [f"<h2 id='{_escape(report.name)}'>{_escape(report.name)}</h2><p>{_escape(facts)}</p>", _counts(report)]
    parts.append(_confusion(report))
    for title, examples in (("Best", report.best), ("Worst", report.worst)):
        if examples:
            parts.append(f"<h3>{title} by {_escape(report.ranked_by or '')}</h3>")
            parts += [_example(example, report) for example in examples]
    return "\n".join(parts)


def _counts(report: ProblemReport) -> str:
    """What stands beside the scores: counts, signatures."""
    shown = {name for name, *_ in report.scores()}
    shown |= {"step", "problem", "split", "examples", "decoded_examples", "baseline_loss", "baseline_accuracy"}
    rest = {
        name: value
        for name, value in report.record.items()
        if name not in shown and not name.endswith("_interval") and not isinstance(value, list | dict)
    }
    rows = [[name, number(value)] for name, value in rest.items()]
    return f"<details><summary>More</summary><table>{''.join(map(markup.row, rows))}</table></details>" if rows else ""


def _confusion(report: ProblemReport) -> str:
    if report.confusion is None:
        return ""
    names = report.class_names
    rows = [[wanted, found, str(count)] for wanted, found, count in confusions(report)]
    parts = ["<h3>Confusions</h3>"]
    if len(names) <= _MOST_CLASSES:
        counts = report.confusion.astype(np.float64)
        parts.append(f"<p>Rows are the right classes.</p>{svg.matrix(counts, names, names, form='{:.0f}')}")
    if rows:
        head = markup.row(["right class", "taken for", "times"], "th")
        parts.append(f"<table>{head}{''.join(map(markup.row, rows))}</table>")
    return "".join(parts)


def _example(example: ShownExample, report: ProblemReport) -> str:
    title = f"{report.ranked_by} {number(example.score)}, log-probability {number(example.log_probability)}"
    references = "".join(_side("reference", text, report) for text in example.references)
    return (
        f"<div class='example'><div class='wide'>{markup.show_side(example.inputs, example.row)}"
        f"<span class='size'>{_escape(title)}</span></div><div>{_side('output', example.output, report)}</div>"
        f"<div>{references}</div>{_attention(example.attention)}</div>"
    )


def _side(name: str, text: str, report: ProblemReport) -> str:
    drawing = ""
    if report.trees:
        try:
            drawing = svg.tree(parse_tree(text))
        except BadExampleError:
            drawing = "<p>not a tree</p>"
    return f"<span class='size'>{name}</span><p>{_escape(text)}</p>{drawing}"


def _attention(attention: Attention | None) -> str:
    if attention is None:
        return ""
    weights, outputs = attention.weights[:_MOST_TOKENS], attention.outputs[:_MOST_TOKENS]
    if attention.grid is not None and attention.grid[0] * attention.grid[1] == weights.shape[1]:
        drawing = "".join(_picture(row.reshape(attention.grid), token) for row, token in zip(weights, outputs))
    elif attention.sources is not None and len(attention.sources) <= _MOST_COLUMNS:
        drawing = svg.matrix(weights, outputs, attention.sources)
    else:
        drawing = svg.matrix(pooled(weights, _MOST_COLUMNS), outputs)
    return f"<details class='wide'><summary>Attention of the output to the source</summary>{drawing}</details>"


def _picture(weights: np.ndarray, token: str) -> str:
    """Where one id looks in an image."""
    source = markup.inline("image/png", heat_map(weights, row_pixels=1))
    return f"<span class='token'><img alt='' src='{source}'>{_escape(token)}</span>"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
