"""A report as a list of plain blocks, written as Markdown (for MkDocs) and as one HTML page that needs no other file.

All text is plain, but for code between backticks and links `[text](target)`.
"""

from __future__ import annotations

import dataclasses
import html
import os
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence

from t2t_multimodel.data import storage
from t2t_multimodel.data.inspect import markup
from t2t_multimodel.errors import ExperimentError

_WIDTH = 120
_INLINE = re.compile(
    r"(?<!`)`(?P<code>[^`\s](?:[^`]*[^`\s])?)`(?!`)|\[(?P<text>[^\[\]]+)\]\((?P<target>[\w./:#?&=%+~,;@-]+)\)"
)
_SPACE = "\0"  # stands for a space within code or a link until lines are wrapped
_STYLE = (
    markup.DARK
    + """
body { max-width: 60em } figure { margin: 1.5em 0 } figure svg { max-width: 100%; height: auto }
caption, figcaption { text-align: left; color: #777; font-size: .9em; padding: .3em 0 }
td.text, th.text { text-align: left } .scroll { overflow-x: auto; margin: 1em 0 }
pre { overflow-x: auto; padding: .6em; border: 1px solid #8885; margin: 1em 0 }
"""
)


@dataclasses.dataclass(frozen=True)
class Heading:
    """A heading of a level from 1, the title, to 6."""

    level: int
    text: str


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """Prose; where its lines end does not matter."""

    text: str


@dataclasses.dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Code:
    """Lines as they are, such as commands; `language` as Markdown names it ("bash", "python", "")."""

    text: str
    language: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows below a head; a column of numbers is set to the right.

    Raises:
        ExperimentError: a row is shorter or longer than the head.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.head):
                raise ExperimentError(f"row {list(row)} of a table does not fit its head; give {len(self.head)} cells")

    def numeric(self) -> list[bool]:
        """Of each column, whether all its cells are numbers or empty."""
        columns = [[row[column] for row in self.rows] for column in range(len(self.head))]
        return [any(map(_is_number, cells)) and all(_is_number(one) or not one for one in cells) for cells in columns]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A drawing; `name` (small letters, digits, `_`, `-`) names its file `<name>.svg`.

    Raises:
        ExperimentError: the name cannot be that of a file, or `svg` is no drawing.
    """

    name: str
    svg: str
    caption: str

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9_-]+", self.name) or not self.svg.startswith("<svg "):
            raise ExperimentError(
                f"figure {self.name!r} is no named drawing; give small letters, digits, _ and -, and the text of an SVG"
            )


Block = Heading | Paragraph | Bullets | Code | Table | Figure


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown, prose wrapped at 120 characters; a figure is a link to `<name>.svg` beside the file.

    Example:
        >>> print(to_markdown([Heading(2, "Law"), Paragraph("See `a_b` and [the runs](runs.md).")]), end="")
        ## Law
        <BLANKLINE>
        See `a_b` and [the runs](runs.md).
    """
    return "\n\n".join(_MARKDOWN[type(block)](block) for block in blocks) + "\n"


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """The blocks as one page, figures inside it; headings have the anchors that MkDocs gives them.

    Args:
        title: of the window, plain text.
        blocks: what the page says, its title among them.

    Example:
        >>> "<p>a &lt; <code>b</code></p>" in to_html("T", [Paragraph("a < `b`")])
        True
    """
    anchors: dict[str, int] = {}
    parts = []
    for block in blocks:
        if isinstance(block, Heading):
            anchor = _anchor(block.text, anchors)
            parts.append(f"<h{block.level} id='{anchor}'>{_html(block.text)}</h{block.level}>")
        else:
            parts.append(_HTML[type(block)](block))
    return markup.document(title, "\n".join(parts), _STYLE)


def write(
    folder: str | os.PathLike, blocks: Sequence[Block], title: str, stem: str = "report"
) -> list[storage.AnyPath]:
    """Writes `<stem>.md`, `<stem>.html` and the drawings beside them; returns their paths.

    Args:
        folder: made where it is missing.
        blocks: of the report.
        title: of the HTML page.
        stem: name of the files.

    Raises:
        ExperimentError: two different figures have one name, or the folder cannot be written.
    """
    drawings: dict[str, str] = {}
    for block in blocks:
        if isinstance(block, Figure) and drawings.setdefault(f"{block.name}.svg", block.svg) != block.svg:
            raise ExperimentError(f"two figures are named {block.name!r}; give each a name of its own")
    contents = {**drawings, f"{stem}.md": to_markdown(blocks), f"{stem}.html": to_html(title, blocks)}
    folder = storage.at(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            storage.write_atomically(folder / name, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ExperimentError(f"{folder} cannot be written ({error.strerror}); give another folder") from error
    return [folder / name for name in contents]


def _is_number(cell: str) -> bool:
    return bool(re.match(r"[-+−±]?\d|[-–—]$", cell.strip("`*")))


def _pieces(text: str, plain: Callable[[str], str], code: Callable[[str], str], link: Callable[[str, str], str]) -> str:
    """A text with its plain parts, its code and its links each given to a function of its own."""
    text, parts, start = " ".join(text.split()), [], 0
    for match in _INLINE.finditer(text):
        parts.append(plain(text[start : match.start()]))
        parts.append(code(match["code"]) if match["code"] else link(match["text"], _checked(match["target"])))
        start = match.end()
    return "".join([*parts, plain(text[start:])])


def _checked(target: str) -> str:
    if (scheme := re.match(r"([A-Za-z][\w+.-]*):", target)) and scheme[1].lower() not in ("http", "https", "mailto"):
        raise ExperimentError(f"link target {target!r} is no page; give a relative path or an https:// address")
    return target


def _plain_text(text: str) -> str:
    """A text without its marks."""
    return _pieces(text, str, str, lambda words, target: words.replace("`", ""))


def _html(text: str) -> str:
    def link(words: str, target: str) -> str:
        return f'<a href="{html.escape(target)}">{_html(words)}</a>'

    return _pieces(text, html.escape, lambda code: f"<code>{html.escape(code)}</code>", link)


def _markdown(text: str, code: Callable[[str], str] = "`{}`".format) -> str:
    """One line of Markdown."""
    return _pieces(text, _escaped, code, lambda words, target: f"[{_markdown(words, code)}]({target})")


def _escaped(text: str) -> str:
    """Plain text with all that Markdown would read otherwise marked as plain."""
    text = re.sub(r"[\\`*{}]|\](?=\()|(?<!\w)_|_(?!\w)|!$", r"\\\g<0>", text)
    text = re.sub(r"&(?=#|\w+;)", "&amp;", text).replace("]:", "]&#58;")
    return re.sub(r"<(?=[\w/!?])", "&lt;", text)


def _wrapped(text: str, width: int = _WIDTH) -> list[str]:
    """Lines of Markdown; code and links are not broken, and no line begins with what would begin a block."""
    found = _pieces(
        text,
        _escaped,
        lambda code: f"`{code}`".replace(" ", _SPACE),
        lambda words, target: f"[{_markdown(words)}]({target})".replace(" ", _SPACE),
    )
    lines = textwrap.wrap(found, width, break_long_words=False, break_on_hyphens=False)
    return [_guarded(line).replace(_SPACE, " ") for line in lines]


def _guarded(line: str) -> str:
    """A line whose first sign begins no heading, list, quote, table, definition, task or box."""
    match = re.match(r"(\d*)([.)](?=\s|$)|[-+:](?=[\s-]|$)|[#>=~|](?=.|$)|!(?=!!)|\?(?=\?\?)|\[(?=[ xX]\]))", line)
    return line if match is None else f"{match[1]}&#{ord(match[2])};{line[match.end() :]}"


def _markdown_table(table: Table) -> str:
    """A table; in code a bar, which would end the cell, is written as an entity."""

    def cell(text: str) -> str:
        def code(words: str) -> str:
            return f"`{words}`" if "|" not in words else f"<code>{html.escape(words)}</code>"

        return _markdown(text, code).replace("|", "&#124;")

    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in (table.head, *table.rows)]
    rule = "|" + "|".join("---:" if numeric else "---" for numeric in table.numeric()) + "|"
    return "\n".join([*_caption(table.caption), lines[0], rule, *lines[1:]])


def _caption(text: str) -> list[str]:
    return [*_wrapped(text), ""] if text else []


def _markdown_figure(figure: Figure) -> str:
    alternative = _escaped(_plain_text(figure.caption))
    return "\n".join([f"![{alternative}]({figure.name}.svg)", "", *_wrapped(figure.caption)])


def _markdown_code(code: Code) -> str:
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", code.text))])
    return f"{fence}{code.language}\n{code.text.rstrip()}\n{fence}"


def _markdown_bullets(bullets: Bullets) -> str:
    return "\n".join("- " + "\n  ".join(_wrapped(item, _WIDTH - 2)) for item in bullets.items)


def _html_table(table: Table) -> str:
    kinds = ["" if numeric else " class='text'" for numeric in table.numeric()]
    rows = [
        "<tr>" + "".join(f"<{tag}{kind}>{_html(cell)}</{tag}>" for cell, kind in zip(row, kinds)) + "</tr>"
        for tag, row in (("th", table.head), *(("td", row) for row in table.rows))
    ]
    caption = f"<caption>{_html(table.caption)}</caption>" if table.caption else ""
    return f"<div class='scroll'><table>{caption}\n" + "\n".join(rows) + "\n</table></div>"


def _html_figure(figure: Figure) -> str:
    return f"<figure>{figure.svg}<figcaption>{_html(figure.caption)}</figcaption></figure>"


def _html_bullets(bullets: Bullets) -> str:
    return "<ul>\n" + "\n".join(f"<li>{_html(item)}</li>" for item in bullets.items) + "\n</ul>"


def _anchor(text: str, taken: dict[str, int]) -> str:
    """The anchor of a heading, as MkDocs names it: `results`, and where that is taken `results_1`."""
    letters = unicodedata.normalize("NFKD", _plain_text(text)).encode("ascii", "ignore").decode()
    anchor = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", letters).strip().lower())
    number = taken[anchor] = taken.get(anchor, -1) + 1
    return f"{anchor}_{number}" if number else anchor


_MARKDOWN = {
    Heading: lambda block: f"{'#' * block.level} {_markdown(block.text)}",
    Paragraph: lambda block: "\n".join(_wrapped(block.text)),
    Bullets: _markdown_bullets,
    Code: _markdown_code,
    Table: _markdown_table,
    Figure: _markdown_figure,
}
_HTML = {
    Paragraph: lambda block: f"<p>{_html(block.text)}</p>",
    Bullets: _html_bullets,
    Code: lambda block: f"<pre><code>{html.escape(block.text.rstrip())}</code></pre>",
    Table: _html_table,
    Figure: _html_figure,
}
