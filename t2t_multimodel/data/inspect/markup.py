"""HTML that needs no other file: the frame of a page, tables, pictures and sound inside it."""

from __future__ import annotations

import base64
import html
import os
import pathlib
from collections.abc import Sequence

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
DARK = """
@media (prefers-color-scheme: dark) {
body { background: #16181c; color: #ddd } td, th { border-color: #3a3d44 } .size { color: #999 } a { color: #8ab4f8 }
}
"""


def document(title: str, body: str, style: str = "") -> str:
    """A whole page.

    Args:
        title: plain text.
        body: HTML.
        style: further CSS; `DARK` for a page that follows the reader's colour scheme.

    Example:
        >>> document("a < b", "<p>one</p>").count("a &lt; b")
        1
    """
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def save(page: str, path: str | os.PathLike, flag: str) -> None:
    """Writes a page; `flag` is the option that named its path.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}); give another {flag}") from error


def row(cells: Sequence[str], tag: str = "td") -> str:
    """A row of a table, from plain text.

    Example:
        >>> row(["a", "<b>"])
        '<tr><td>a</td><td>&lt;b&gt;</td></tr>'
    """
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def inline(kind: str, data: bytes) -> str:
    """A file of the media type `kind` as a data URI.

    Example:
        >>> inline("text/plain", b"hi")
        'data:text/plain;base64,aGk='
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def show_side(side: Side, row_number: int) -> str:
    """One side of an example: its size, its picture or sound, and what it says."""
    parts = [f"<span class='size'>{row_number}: {html.escape(side.size)}</span>"]
    if side.png:
        parts.append(f"<img alt='input of example {row_number}' src='{inline('image/png', side.png)}'>")
    if side.wav:
        parts.append(f"<audio controls src='{inline('audio/wav', side.wav)}'></audio>")
    parts.append(f"<pre>{html.escape(side.drawing)}</pre>" if side.drawing else html.escape(side.text))
    return "".join(parts)
