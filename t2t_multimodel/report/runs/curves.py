"""Curves of several runs as one drawing inside a page."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

Series = Mapping[str, Sequence[tuple[float, float]]]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 430, 250, 52, 12, 26, 34
_COLOURS = 8
STYLE = """
svg.curves { max-width: 430px; width: 100%; height: auto; display: inline-block; vertical-align: top }
svg.curves text { fill: currentColor; font: 11px system-ui, sans-serif } svg.curves .title { font-size: 12px }
svg.curves .grid { stroke: currentColor; opacity: .15 } svg.curves path { fill: none; stroke-width: 1.8 }
.key { display: inline-block; margin-right: 1.2em; white-space: nowrap } .key svg { display: inline; width: 24px }
.s0 { stroke: #3b6fb6; fill: #3b6fb6 } .s1 { stroke: #c8553d; fill: #c8553d } .s2 { stroke: #3a8f5c; fill: #3a8f5c }
.s3 { stroke: #8a5fb0; fill: #8a5fb0 } .s4 { stroke: #b07d1f; fill: #b07d1f } .s5 { stroke: #2b93a0; fill: #2b93a0 }
.s6 { stroke: #c2528b; fill: #c2528b } .s7 { stroke: #707070; fill: #707070 }
@media (prefers-color-scheme: dark) {
.s0 { stroke: #7fb0f5; fill: #7fb0f5 } .s1 { stroke: #ff8f75; fill: #ff8f75 } .s2 { stroke: #77cf99; fill: #77cf99 }
.s3 { stroke: #c7a0ee; fill: #c7a0ee } .s4 { stroke: #e6b65a; fill: #e6b65a } .s5 { stroke: #6fd3de; fill: #6fd3de }
.s6 { stroke: #f192c4; fill: #f192c4 } .s7 { stroke: #b0b0b0; fill: #b0b0b0 }
}
"""


def curves(title: str, axis: str, series: Series, names: Sequence[str]) -> str:
    """A drawing of lines; each point tells its values under the pointer.

    Args:
        title: of the drawing.
        axis: what runs to the right.
        series: points (x, y) of each line, by the name of its run; all finite.
        names: of all runs: each has the same colour in every drawing.
    """
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
    xs, ys = ticks(0.0, max(x for x, _ in points)), ticks(min(y for _, y in points), max(y for _, y in points))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - xs[0]) / (xs[-1] - xs[0]), (y - ys[0]) / (ys[-1] - ys[0])
        return _LEFT + across * (right - _LEFT), bottom - up * (bottom - _TOP)

    parts = [f"<text class='title' x='{_LEFT}' y='14'>{html.escape(title)}</text>"]
    parts.append(f"<text x='{right}' y='{_HEIGHT - 4}' text-anchor='end'>{html.escape(axis)}</text>")
    for y in ys:
        _, down = place(xs[0], y)
        parts.append(f"<line class='grid' x1='{_LEFT}' y1='{down:.1f}' x2='{right}' y2='{down:.1f}'/>")
        parts.append(f"<text x='{_LEFT - 6}' y='{down + 4:.1f}' text-anchor='end'>{y:.4g}</text>")
    for x in xs:
        across, _ = place(x, ys[0])
        parts.append(f"<text x='{across:.1f}' y='{bottom + 15}' text-anchor='middle'>{x:,.4g}</text>")
    for name, line in series.items():
        parts.append(_line(name, line, names.index(name), place))
    return f"<svg class='curves' viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img'>{''.join(parts)}</svg>"


def _line(name: str, line: Sequence[tuple[float, float]], number: int, place) -> str:
    kind, dashes = f"s{number % _COLOURS}", _dashes(number)
    placed = [place(*point) for point in line]
    path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts = [f"<path class='{kind}' style='fill:none' d='{path}'{dashes}/>"]
    if len(line) <= 60:
        parts += [
            f"<circle class='{kind}' cx='{x:.1f}' cy='{y:.1f}' r='2.6'><title>{html.escape(name)}: {value:.4g} at"
            f" {at:,.5g}</title></circle>"
            for (x, y), (at, value) in zip(placed, line)
        ]
    return "".join(parts)


def _dashes(number: int) -> str:
    """Lines beyond the colours are told by their dashes."""
    return f" stroke-dasharray='{2 + 3 * (number // _COLOURS)} 3'" if number >= _COLOURS else ""


def key(names: Sequence[str]) -> str:
    """Which colour is whose."""
    return "".join(
        f"<span class='key'><svg viewBox='0 0 24 10'><path class='s{number % _COLOURS}' d='M1,5L23,5' stroke-width='3'"
        f"{_dashes(number)}/></svg> {html.escape(name)}</span>"
        for number, name in enumerate(names)
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About so many round numbers from below `low` to above `high`.

    Example:
        >>> ticks(0.0, 900.0)
        [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    """
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
