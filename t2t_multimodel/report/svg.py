"""Drawings inside a page: matrices with names on both sides, and trees."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.data.inspect.heat_map import colours
from t2t_multimodel.text.trees import Tree, walk

_FONT = "font-family='system-ui, sans-serif'"
_CHARACTER = 7.2  # width of a character of 12 pixels, roughly
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
    left = _CHARACTER * max((len(_short(name)) for name in rows), default=0) + 8
    top = 4 if columns is None else _CHARACTER * max((len(_short(name)) for name in columns), default=0) + 8
    across = max(3.0, min(18.0, (width - left) / max(1, values.shape[1])))
    fills = colours(values, 0.0, float(values.max(initial=0.0)))
    parts = [
        f"<text x='{left - 6:.0f}' y='{top + 18 * i + 13:.0f}' text-anchor='end'>{_text(name)}</text>"
        for i, name in enumerate(rows)
    ]
    for j, name in enumerate(columns or ()):
        x = left + across * (j + 0.5) + 4
        parts.append(f"<text transform='translate({x:.1f},{top - 5:.0f}) rotate(-90)'>{_text(name)}</text>")
    for i, j in np.ndindex(*values.shape):
        column = str(j) if columns is None else columns[j]
        parts.append(
            f"<rect x='{left + across * j:.1f}' y='{top + 18 * i:.0f}' width='{across:.1f}' height='18'"
            f" fill='#{bytes(fills[i, j]).hex()}'><title>{html.escape(f'{rows[i]}, {column}: ')}"
            f"{form.format(values[i, j])}</title></rect>"
        )
    return _svg(left + across * values.shape[1] + 4, top + 18 * len(rows) + 4, parts)


def tree(root: Tree) -> str:
    """A constituency tree, its words at the bottom of their tags."""
    places: list[tuple[float, int, str]] = []  # x, depth, text
    lines: list[tuple[float, int, float, int]] = []
    children: list[list[tuple[float, int]]] = [[]]
    labels: list[str] = []
    right = 0.0
    for node, entering in walk(root):
        if isinstance(node, str):
            width = _CHARACTER * max(len(_short(node)), len(labels[-1]), 2) + 14
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
        f"<text x='{x:.1f}' y='{_down(depth)}' text-anchor='middle'>{_text(text)}</text>" for x, depth, text in places
    ]
    return _svg(right, _down(max(depth for _, depth, _ in places)) + 8, parts)


def _down(depth: int) -> int:
    return 16 + 36 * depth


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def _text(name: str) -> str:
    return html.escape(_short(name))


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' font-size='12' {_FONT}>"
        f"{''.join(parts)}</svg>"
    )
