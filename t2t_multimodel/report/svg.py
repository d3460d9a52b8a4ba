"""Drawings inside a page: matrices with names on both sides, and trees."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.data.inspect.heat_map import colours
from t2t_multimodel.text.trees import Tree, walk

_FONT = "font-family='system-ui, sans-serif'"
CHARACTER = 7.2  # width of a character of 12 pixels, roughly
_NAME = 24  # characters of a name that are shown


def matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    form: str = "{:.3f}",
    width: float = 900,
) -> str:
    """A matrix as coloured cells, dark where 0, light where greatest; the value of each shows under the pointer.

    Args:
        values: `[rows, columns]`, at least 0.
        rows: names, left of them.
        columns: names, above them and turned, or None for numbers in the cells' titles alone.
        form: of a value in a cell's title.
        width: of the whole in pixels, at most, if cells stay as wide as 3 pixels.
    """
    across = max(3.0, min(18.0, (width - names_width(rows)) / max(1, values.shape[1])))
    fills = colours(values, 0.0, float(values.max(initial=0.0)))
    return drawing(*cells(fills, np.vectorize(form.format, otypes=[object])(values), rows, columns, across))


def cells(
    fills: np.ndarray,
    texts: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str] | None,
    across: float,
    down: float = 18.0,
    shown: bool = False,
) -> tuple[float, float, list[str]]:
    """Width, height and elements of coloured cells with names on both sides.

    Args:
        fills: colours, uint8 `[rows, columns, 3]`.
        texts: the value of each cell as text, `[rows, columns]`, seen under the pointer; "" where there is no cell.
        rows: names, left of the cells.
        columns: names, above them and turned, or None for none.
        across: width of a cell.
        down: height of a cell.
        shown: whether the texts stand in the cells as well.
    """
    left, top = names_width(rows), 4 if columns is None else names_width(columns)
    parts = [
        f"<text x='{left - 6:.0f}' y='{top + down * (i + 0.5) + 4:.0f}' text-anchor='end'>{content(name)}</text>"
        for i, name in enumerate(rows)
    ]
    for j, name in enumerate(columns or ()):
        x = left + across * (j + 0.5) + 4
        parts.append(f"<text transform='translate({x:.1f},{top - 5:.0f}) rotate(-90)'>{content(name)}</text>")
    for i, j in np.ndindex(*texts.shape):
        if not texts[i, j]:
            continue
        x, y, column = left + across * j, top + down * i, str(j) if columns is None else columns[j]
        parts.append(
            f"<rect x='{x:.1f}' y='{y:.0f}' width='{across:.1f}' height='{down:.0f}'"
            f" fill='#{bytes(fills[i, j]).hex()}'>"
            f"<title>{html.escape(f'{rows[i]}, {column}: {texts[i, j]}')}</title></rect>"
        )
        if shown:
            ink = "white" if fills[i, j] @ (0.299, 0.587, 0.114) < 140 else "black"
            parts.append(
                f"<text x='{x + across / 2:.1f}' y='{y + down / 2 + 4:.0f}' text-anchor='middle' fill='{ink}'"
                f" pointer-events='none'>{html.escape(texts[i, j])}</text>"
            )
    return left + across * texts.shape[1] + 4, top + down * len(rows) + 4, parts


def names_width(names: Sequence[str]) -> float:
    """Room for names beside a drawing."""
    return CHARACTER * max((len(short(name)) for name in names), default=0) + 8


def tree(root: Tree) -> str:
    """A constituency tree, its words at the bottom of their tags."""
    places: list[tuple[float, int, str]] = []  # x, depth, text
    lines: list[tuple[float, int, float, int]] = []
    children: list[list[tuple[float, int]]] = [[]]
    labels: list[str] = []
    right = 0.0
    for node, entering in walk(root):
        if isinstance(node, str):
            width = CHARACTER * max(len(short(node)), len(labels[-1]), 2) + 14
            children[-1].append((right + width / 2, len(labels)))
            places.append((right + width / 2, len(labels), node))
            right += width
        elif entering:
            labels.append(node.label)
            children.append([])
        else:
            below, label = children.pop(), labels.pop()
            x, depth = (below[0][0] + below[-1][0]) / 2 if below else right, len(labels)
            places.append((x, depth, label))
            lines += [(x, depth, *child) for child in below]
            children[-1].append((x, depth))
    parts = [
        f"<line x1='{x:.1f}' y1='{_down(depth) + 4}' x2='{x2:.1f}' y2='{_down(depth2) - 12}' stroke='#999'/>"
        for x, depth, x2, depth2 in lines
    ]
    parts += [
        f"<text x='{x:.1f}' y='{_down(depth)}' text-anchor='middle'>{content(text)}</text>" for x, depth, text in places
    ]
    return drawing(right, _down(max(depth for _, depth, _ in places)) + 8, parts)


def _down(depth: int) -> int:
    return 16 + 36 * depth


def short(name: str) -> str:
    """A name, cut where it is too long to stand in a drawing."""
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def content(name: str) -> str:
    """A name as the content of a text element."""
    return html.escape(short(name))


def drawing(width: float, height: float, parts: Sequence[str], attributes: str = "") -> str:
    """The whole of a drawing.

    Args:
        width: in pixels.
        height: in pixels.
        parts: its elements.
        attributes: further ones of the outermost element.
    """
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' font-size='12' {_FONT}"
        f"{attributes}>{''.join(parts)}</svg>"
    )
