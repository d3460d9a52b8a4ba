"""The files of t2t-inspect: PNG and WAV files, or one HTML page with everything in it."""

from __future__ import annotations

import html
import os
import pathlib

from t2t_multimodel.data.inspect import markup
from t2t_multimodel.data.inspect.examples import Example
from t2t_multimodel.data.inspect.lengths import Bin
from t2t_multimodel.data.inspect.report import Inspection, bucket_rows, facts
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.errors import DataError


def save_media(inspections: list[Inspection], folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes images and spectrograms as ``PROBLEM-SPLIT-ROW.png`` and audio as .wav; returns the paths.

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
    """Writes one HTML page that needs no other files.

    Raises:
        DataError: the file cannot be written.
    """
    markup.save(page(inspections), path, "--html")


def page(inspections: list[Inspection]) -> str:
    """The HTML text."""
    title = "; ".join(inspection.title for inspection in inspections)
    return markup.document(title, "\n".join(_section(inspection) for inspection in inspections))


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
    parts.append(f"<table>{markup.row(head, 'th')}{''.join(markup.row(row) for row in rows)}</table>")
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


def _example_table(examples: list[Example]) -> str:
    rows = "".join(
        f"<tr><td>{markup.show_side(example.inputs, example.row)}</td>"
        f"<td>{markup.show_side(example.targets, example.row)}{_meta(example)}</td></tr>"
        for example in examples
    )
    return f"<table class='examples'>{markup.row(['inputs', 'targets'], 'th')}{rows}</table>"


def _meta(example: Example) -> str:
    return "".join(
        f"<span class='size'>{html.escape(name)}: {html.escape(value)}</span>" for name, value in example.meta.items()
    )
