"""What t2t-inspect writes: PNG and WAV files, or one HTML page that holds everything."""

from __future__ import annotations

import base64
import html
import os
import pathlib

from t2t_multimodel.data.inspect.examples import Example
from t2t_multimodel.data.inspect.lengths import Bin
from t2t_multimodel.data.inspect.report import Inspection, bucket_rows, facts
from t2t_multimodel.data.inspect.side import Side
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.errors import DataError

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222 }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse } td, th { padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left } table.examples { width: 100%; table-layout: fixed }
table.examples td { text-align: left; vertical-align: top; overflow-wrap: anywhere; white-space: pre-wrap }
.size { color: #777; font-size: .85em; display: block } pre { margin: 0; font-size: .9em } audio { display: block }
img { max-width: 100%; min-height: 96px; image-rendering: pixelated; display: block; margin: .3em 0 }
.bar { background: #7a5ea8; height: .9em; display: inline-block; vertical-align: middle; margin-right: .5em }
"""


def save_media(inspections: list[Inspection], folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes pictures and spectrograms as ``PROBLEM-SPLIT-ROW.png`` and sound as .wav; gives their paths.

    Raises:
        DataError: the folder cannot be written.
    """
    folder, written = pathlib.Path(folder), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for inspection in inspections:
            for example in inspection.examples:
                stem = f"{inspection.problem.name}-{inspection.split}-{example.row:05d}"
                for suffix, data in ((".png", example.inputs.png), (".wav", example.inputs.wav)):
                    if data:
                        write_atomically(folder / (stem + suffix), data)
                        written.append(folder / (stem + suffix))
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); give another --to_dir") from error
    return written


def save_page(inspections: list[Inspection], path: str | os.PathLike) -> None:
    """Writes one HTML page without references to other files.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page(inspections).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); give another --html") from error


def page(inspections: list[Inspection]) -> str:
    """The HTML text."""
    title = html.escape("; ".join(inspection.title for inspection in inspections))
    body = "\n".join(_section(inspection) for inspection in inspections)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _section(inspection: Inspection) -> str:
    parts = [f"<h1>{html.escape(inspection.title)}</h1>"]
    parts += [f"<p>{'<br>'.join(html.escape(line) for line in facts(inspection))}</p>"]
    parts.append(f"<h2>Examples</h2>{_example_table(inspection.examples)}" if inspection.examples else "")
    for title, bins in inspection.histograms.items():
        parts.append(
            f"<h2>{html.escape(title.capitalize())}</h2>{_bars([(_bin(entry), entry.count) for entry in bins])}"
        )
    if inspection.classes:
        parts.append(f"<h2>Most frequent classes in train</h2>{_bars(inspection.classes)}")
    parts.append(f"<h2>Batches of {html.escape(inspection.hparams_name)}, each padded to its longest row</h2>")
    head, *rows = bucket_rows(inspection)
    parts.append(f"<table>{_row(head, 'th')}{''.join(_row(row, 'td') for row in rows)}</table>")
    if inspection.left_out:
        parts.append(f"<p>{inspection.left_out:,} examples are longer than batching.max_length and left out.</p>")
    return "\n".join(parts)


def _bin(entry: Bin) -> str:
    return f"{entry.low:.4g} to below {entry.high:.4g}"


def _bars(rows: list[tuple[str, int]]) -> str:
    most = max((count for _, count in rows), default=1)
    lines = "".join(
        f"<tr><td>{html.escape(name)}</td><td style='text-align:left'>"
        f"<span class='bar' style='width:{20 * count / max(1, most):.2f}em'></span>{count:,}</td></tr>"
        for name, count in rows
    )
    return f"<table>{lines}</table>"


def _row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _example_table(examples: list[Example]) -> str:
    rows = "".join(
        f"<tr><td>{_side(example.inputs, example.row)}</td>"
        f"<td>{_side(example.targets, example.row)}{_meta(example)}</td></tr>"
        for example in examples
    )
    return f"<table class='examples'>{_row(['inputs', 'targets'], 'th')}{rows}</table>"


def _side(side: Side, row: int) -> str:
    parts = [f"<span class='size'>{row}: {html.escape(side.size)}</span>"]
    if side.png:
        parts.append(f"<img alt='input of example {row}' src='{_inline('image/png', side.png)}'>")
    if side.wav:
        parts.append(f"<audio controls src='{_inline('audio/wav', side.wav)}'></audio>")
    parts.append(f"<pre>{html.escape(side.drawing)}</pre>" if side.drawing else html.escape(side.text))
    return "".join(parts)


def _meta(example: Example) -> str:
    return "".join(
        f"<span class='size'>{html.escape(name)}: {html.escape(value)}</span>" for name, value in example.meta.items()
    )


def _inline(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
