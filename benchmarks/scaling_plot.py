"""The plot of `benchmarks scaling`: a panel an axis, time and memory over the first point, both scales logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 170, 150, 44, 34, 40
_SERIES = (("step time", "#1f5fa8", "step_s"), ("memory", "#c2571a", "grown_mb"))


def plot(points: Sequence[Mapping[str, Any]]) -> str:
    """An SVG of all axes that have points.

    Args:
        points: rows of the sweep.
    """
    from benchmarks.scaling import grown_mb

    points = [{**point, "grown_mb": grown_mb(point)} for point in points]
    axes = list(dict.fromkeys(point["axis"] for point in points))
    width = _LEFT + len(axes) * (_WIDTH + _GAP)
    parts = []
    for number, axis in enumerate(axes):
        rows = [point for point in points if point["axis"] == axis]
        parts += _panel(axis, rows, _LEFT + number * (_WIDTH + _GAP))
    for number, (name, color, _) in enumerate(_SERIES):
        parts.append(f'<text x="{_LEFT + 90 * number}" y="12" fill="{color}">{name}</text>')
    parts.append(f'<text x="{_LEFT + 90 * len(_SERIES)}" y="12" fill="#666">over the first point, log scales</text>')
    height = _TOP + _HEIGHT + 36
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    return f'{head} font-family="sans-serif" font-size="11">\n' + "\n".join(parts) + "\n</svg>\n"


def _panel(axis: str, rows: Sequence[Mapping[str, Any]], left: float) -> list[str]:
    sizes = [row["size"] for row in rows]
    series = {field: [row[field] / rows[0][field] for row in rows] for _, _, field in _SERIES}
    values = [value for taken in series.values() for value in taken]
    x = _scale(sizes, left, left + _WIDTH)
    y = _scale([*values, 0.8, 2.0], _TOP + _HEIGHT, _TOP)
    parts = [
        f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>',
        f'<text x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 30}" text-anchor="middle">{axis}</text>',
    ]
    for size in (sizes[0], sizes[-1]):
        parts.append(f'<text x="{x(size):.1f}" y="{_TOP + _HEIGHT + 14}" text-anchor="middle">{size}</text>')
    for value in (1.0, max(values)):
        parts.append(f'<text x="{left - 4}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    for _, color, field in _SERIES:
        places = [(x(size), y(value)) for size, value in zip(sizes, series[field])]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="2.5" fill="{color}"/>' for across, down in places]
    return parts


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Maps the logarithms of values to pixels."""
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: start + (end - start) * (math.log(value) - low) / max(high - low, 1e-9)
