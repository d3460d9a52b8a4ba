"""Plots of a report as SVG text: curves and bars with intervals, and matrices of signed values.

They are read on light and on dark pages, inside a page and as files of their own: text is of a middle grey, colours are
of a middle lightness, and series differ by their marks as well. The same values give the same bytes.
"""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from t2t_multimodel.data.inspect.heat_map import signed_colours
from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.statistics import Interval
from t2t_multimodel.report.runs.curves import ticks
from t2t_multimodel.report.svg import CHARACTER, cells, content, drawing, names_width, short

INK = "#7b7b7b"
PALETTE = ("#3f7fc4", "#d0603a", "#2f9464", "#9a6bc9", "#a97b22", "#2891a5", "#c4568f", "#7b7b7b")
_WIDTH, _HEIGHT = 620, 340
_BAR, _GAP = 13, 14
_DODGE, _SPREAD = 5.0, 16.0  # pixels between the marks of series at the same place, and of all of them at most
_STROKE, _DASHED = "stroke-width='1.6'", "stroke-width='1.6' stroke-dasharray='6 4'"
# Corners of the marks, in pixels about a point: a circle, square, triangle, diamond, triangle, plus, cross and dash.
_SHAPES = (
    (),
    ((-4, -4), (4, -4), (4, 4), (-4, 4)),
    ((0, -5), (5, 4), (-5, 4)),
    ((0, -6), (5, 0), (0, 6), (-5, 0)),
    ((0, 5), (5, -4), (-5, -4)),
    ((-6, -1), (-1, -1), (-1, -6), (1, -6), (1, -1), (6, -1), (6, 1), (1, 1), (1, 6), (-1, 6), (-1, 1), (-6, 1)),
    ((-5, -5), (0, -2), (5, -5), (2, 0), (5, 5), (0, 2), (-5, 5), (-2, 0)),
    ((-6, -2), (6, -2), (6, 2), (-6, 2)),
)


@dataclasses.dataclass(frozen=True)
class Series:
    """A line of a plot.

    Args:
        name: plain text.
        xs: ascending.
        means: of the same number; NaN where there is none.
        lows: lower ends of the intervals, or nothing; infinite ones are not drawn.
        highs: upper ends.
        marks: whether each point has a mark and its interval a bar; without, a plain line in a band, as for a law.
        colour: its place in `PALETTE`; by default its place among the series.
    """

    name: str
    xs: Sequence[float]
    means: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    marks: bool = True
    colour: int | None = None

    @classmethod
    def of(
        cls,
        name: str,
        intervals: Mapping[float, Interval] | Iterable[tuple[float, Interval]],
        marks: bool = True,
        colour: int | None = None,
    ) -> Series:
        """A line through intervals by their place."""
        xs, found = zip(*sorted(dict(intervals).items())) if intervals else ((), ())
        ends = [one.low for one in found], [one.high for one in found]
        return cls(name, xs, [one.mean for one in found], *ends, marks, colour)

    def points(self) -> list[tuple[float, float, float, float]]:
        """x, mean, low and high of each point that has a mean."""
        lows, highs = list(self.lows) or [-math.inf] * len(self.xs), list(self.highs) or [math.inf] * len(self.xs)
        if not len(self.xs) == len(self.means) == len(lows) == len(highs):
            raise ExperimentError(f"series {self.name!r} has more of one kind of value; give as many means as xs")
        return [point for point in zip(self.xs, self.means, lows, highs) if math.isfinite(point[1])]


def curves(series: Sequence[Series], x_label: str, y_label: str, *, log_x: bool = False) -> str:
    """Lines with their intervals; an interval that is longer than the plot is high is cut, and has no cap there.

    Args:
        series: drawn one over the other.
        x_label: plain text below.
        y_label: plain text above, at the left.
        log_x: whether the horizontal axis is logarithmic; then all xs are above 0.

    Raises:
        ExperimentError: no series has a point, or an x is not above 0 where the axis is logarithmic.

    Example:
        >>> alone = Series.of("alone", {100: Interval(2.0, 1.8, 2.2, 3), 1000: Interval(1.0, 0.9, 1.1, 3)})
        >>> curves([alone], "examples", "loss", log_x=True).count("<circle")
        3
    """
    points = [point for one in series for point in one.points()]
    if not points:
        raise ExperimentError("no series has a point to draw; gather at least one result")
    if log_x and min(x for x, *_ in points) <= 0:
        raise ExperimentError("a logarithmic axis has no place for 0 or less; leave log_x out")
    steps = ticks(*_range([point[1:] for point in points]))
    left = CHARACTER * max(map(len, _numbers(steps))) + 14
    parts, top = _legend([(one.name, _colour(one, i), i if one.marks else None) for i, one in enumerate(series)], left)
    top += 22
    frame = _Frame(left + 14, _WIDTH - 30, top, top + _HEIGHT, sorted({x for x, *_ in points}), steps, log_x)
    measured = sorted({x for one in series if one.marks for x, *_ in one.points()})
    parts += _y_axis(frame, y_label) + _x_axis(frame, x_label, measured if log_x and measured else None)
    barred = [i for i, one in enumerate(series) if one.marks and len(one.lows)]
    apart = min(_DODGE, _SPREAD / max(1, len(barred) - 1))
    for i, one in enumerate(series):
        dodge = apart * (barred.index(i) - (len(barred) - 1) / 2) if i in barred else 0.0
        parts += _curve(frame, one, _colour(one, i), i, dodge)
    return _drawing(frame.bottom + 46, parts)


def bars(groups: Mapping[str, Mapping[str, Interval]], x_label: str) -> str:
    """Horizontal bars from 0, with intervals, side by side in each group.

    Args:
        groups: by the name of a group the interval of each bar; a bar's name has one colour in all groups.
        x_label: plain text below.

    Raises:
        ExperimentError: there is no bar.

    Example:
        >>> pair = {"alone": Interval(0.5, 0.4, 0.6, 3), "joint": Interval(0.7, 0.6, 0.8, 3)}
        >>> bars({"captions": pair}, "accuracy").count("<rect")
        4
    """
    found = {
        group: {name: one for name, one in held.items() if math.isfinite(one.mean)} for group, held in groups.items()
    }
    names = list(dict.fromkeys(name for held in found.values() for name in held))
    if not names:
        raise ExperimentError("no group has a bar to draw; gather at least one result")
    drawn = [(one.mean, one.low, one.high) for held in found.values() for one in held.values()]
    steps = ticks(*_range([(0.0, 0.0, 0.0), *drawn]))
    left = names_width(list(found)) + 4
    parts, top = _legend([(name, PALETTE[i % len(PALETTE)], None) for i, name in enumerate(names)], left, bars=True)
    bottom = top + sum(_BAR * len(held) + _GAP for held in found.values())
    frame = _Frame(left, _WIDTH - 26, top, bottom, steps, (0.0, 1.0))
    for step, text in zip(steps, _numbers(steps)):
        x = frame.x(step)
        parts.append(_line(x, top, x, bottom, INK, f"stroke-opacity='{'.9' if step == 0 else '.3'}'"))
        parts.append(f"<text x='{_pixels(x)}' y='{bottom + 16:.0f}' text-anchor='middle'>{text}</text>")
    y = top + _GAP / 2
    for group, held in found.items():
        middle = y + _BAR * len(held) / 2 + 4
        parts.append(f"<text x='{left - 8:.1f}' y='{_pixels(middle)}' text-anchor='end'>{content(group)}</text>")
        for name, one in held.items():
            parts += _bar(frame, y, one, names.index(name), f"{group}, {name}")
            y += _BAR
        y += _GAP
    return _drawing(bottom + 44, [*parts, _below(frame, 36, x_label)])


def matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, form: str = "{:+.2f}") -> str:
    """Signed values as coloured cells with their numbers: blue above 0, red below, near white at 0.

    Args:
        values: `[rows, columns]`; cells that are NaN stay empty.
        rows: names, left of them.
        columns: names, above them.
        form: of a number.

    Example:
        >>> matrix(np.array([[0.5, -0.5]]), ["a"], ["b", "c"]).count("#265c9e")
        1
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    fills = signed_colours(np.where(known, values, 0.0), float(np.abs(values[known]).max(initial=0.0)))
    texts = np.array(
        [[form.format(value) if math.isfinite(value) else "" for value in row] for row in values], object
    ).reshape(values.shape)
    across = CHARACTER * max((len(text) for text in texts.flat), default=0) + 14
    width, height, parts = cells(fills, texts, rows, columns, max(26.0, across), 26.0, shown=True)
    return _drawing(height, parts, width)


@dataclasses.dataclass(frozen=True)
class _Frame:
    """Where values stand in the drawing; `ys` and `xs` are covered from the least to the greatest."""

    left: float
    right: float
    top: float
    bottom: float
    xs: Sequence[float]
    ys: Sequence[float]
    log_x: bool = False

    def x(self, value: float) -> float:
        place = math.log if self.log_x else float
        low, high = place(min(self.xs)), place(max(self.xs))
        share = (place(value) - low) / (high - low) if high > low else 0.5
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.ys[0]) / (self.ys[-1] - self.ys[0])
        return self.bottom - min(max(share, 0.0), 1.0) * (self.bottom - self.top)


def _range(points: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """What the axis covers of (mean, low, high): all means, and intervals as far again as the means are apart.

    An interval of two seeds may be twenty times as long; it would press all means into one line, and is cut instead.
    """
    points = list(points)
    least, most = min(mean for mean, *_ in points), max(mean for mean, *_ in points)
    ends = [end for _, *interval in points for end in interval if math.isfinite(end)]
    reach = (most - least) or max((abs(end - most) for end in ends), default=0.0)
    return max(min([least, *ends]), least - reach), min(max([most, *ends]), most + reach)


def _curve(frame: _Frame, series: Series, colour: str, number: int, dodge: float) -> list[str]:
    points = series.points()
    placed = [(frame.x(x) + dodge, frame.y(mean)) for x, mean, _, _ in points]
    parts = []
    if not series.marks and all(math.isfinite(end) for _, _, *ends in points for end in ends):
        around = [(frame.x(x), frame.y(low)) for x, _, low, _ in points]
        around += [(frame.x(x), frame.y(high)) for x, _, _, high in reversed(points)]
        parts.append(f"<path d='{_path(around)}Z' fill='{colour}' fill-opacity='.15'/>")
    stroke = _STROKE if series.marks else _DASHED
    parts.append(f"<path d='{_path(placed)}' fill='none' stroke='{colour}' {stroke}/>")
    if not series.marks:
        return parts
    for (across, y), (x, mean, low, high) in zip(placed, points):
        ends = [(across, frame.y(end), frame.ys[0] <= end <= frame.ys[-1]) for end in (low, high)]
        parts += _whisker(ends, colour, (3, 0)) if math.isfinite(high - low) else []
        tip = html.escape(f"{series.name}: {mean:.4g} [{low:.4g}, {high:.4g}] at {x:,g}")
        parts.append(_mark(number, across, y, colour, f"<title>{tip}</title>"))
    return parts


def _bar(frame: _Frame, y: float, one: Interval, number: int, name: str) -> list[str]:
    colour, zero, end = PALETTE[number % len(PALETTE)], frame.x(0.0), frame.x(one.mean)
    tip = html.escape(f"{name}: {one.mean:.4g} [{one.low:.4g}, {one.high:.4g}]")
    parts = [_box(min(zero, end), y + 1, abs(end - zero), _BAR - 2, number, f"<title>{tip}</title>")]
    ends = [(frame.x(end), y + _BAR / 2, frame.xs[0] <= end <= frame.xs[-1]) for end in (one.low, one.high)]
    return parts + (_whisker(ends, colour, (0, 3)) if math.isfinite(one.high - one.low) else [])


def _whisker(ends: Sequence[tuple[float, float, bool]], colour: str, cap: tuple[float, float]) -> list[str]:
    """An interval between two places, with a cap at each that is inside the frame."""
    (x1, y1, _), (x2, y2, _) = ends
    lines = [(x1, y1, x2, y2)]
    lines += [(x - cap[0], y - cap[1], x + cap[0], y + cap[1]) for x, y, inside in ends if inside]
    return [_line(*line, colour, _STROKE) for line in lines]


def _box(x: float, y: float, width: float, height: float, number: int, inside: str = "") -> str:
    """A bar; each next one of a group is filled more strongly."""
    return (
        f"<rect x='{_pixels(x)}' y='{_pixels(y)}' width='{_pixels(width)}' height='{_pixels(height)}'"
        f" fill='{PALETTE[number % len(PALETTE)]}' fill-opacity='{(0.25, 0.6, 0.4, 0.8)[number % 4]}'"
        f" stroke='{PALETTE[number % len(PALETTE)]}'>{inside}</rect>"
    )


def _mark(number: int, x: float, y: float, colour: str, inside: str = "") -> str:
    """A shape of its own for each of eight series."""
    shape = _SHAPES[number % len(_SHAPES)]
    if not shape:
        return f"<circle cx='{_pixels(x)}' cy='{_pixels(y)}' r='4.2' fill='{colour}'>{inside}</circle>"
    return f"<path d='{_path([(x + right, y + down) for right, down in shape])}Z' fill='{colour}'>{inside}</path>"


def _legend(entries: Sequence[tuple[str, str, int | None]], left: float, bars: bool = False) -> tuple[list[str], float]:
    """The key of names, colours and marks in rows above a plot, and where it ends."""
    parts, x, y = [], left, 14.0
    for place, (name, colour, mark) in enumerate(entries):
        width = 30 + CHARACTER * len(short(name)) + 14
        if x + width > _WIDTH and x > left:
            x, y = left, y + 20
        if bars:
            parts.append(_box(x, y - 9, 22, 10, place))
        else:
            parts.append(_line(x, y - 4, x + 22, y - 4, colour, _STROKE if mark is not None else _DASHED))
            if mark is not None:
                parts.append(_mark(mark, x + 11, y - 4, colour))
        parts.append(f"<text x='{x + 28:.1f}' y='{y:.0f}'>{content(name)}</text>")
        x += width
    return parts, y + 12


def _y_axis(frame: _Frame, label: str) -> list[str]:
    """A line across for each round number, and the label above them."""
    left, right = frame.left - 14, frame.right + 14
    parts = [f"<text x='{left:.1f}' y='{frame.top - 10:.0f}'>{html.escape(label)}</text>"]
    for step, text in zip(frame.ys, _numbers(frame.ys)):
        y = frame.y(step)
        parts.append(_line(left, y, right, y, INK, "stroke-opacity='.3'"))
        parts.append(f"<text x='{left - 6:.1f}' y='{_pixels(y + 4)}' text-anchor='end'>{text}</text>")
    return parts


def _x_axis(frame: _Frame, label: str, at: Sequence[float] | None) -> list[str]:
    """Ticks `at` the places measured, or at round numbers; no text stands over another."""
    low, high = frame.xs[0], frame.xs[-1]
    at = at or [x for x in ticks(low, high) if low <= x <= high]
    parts, free = [_below(frame, 38, label)], -math.inf
    for value, text in zip(at, _numbers(at)):
        x, half = frame.x(value), CHARACTER * len(text) / 2
        if x - half > free:
            parts.append(_line(x, frame.bottom, x, frame.bottom + 5, INK))
            parts.append(f"<text x='{_pixels(x)}' y='{frame.bottom + 19:.0f}' text-anchor='middle'>{text}</text>")
            free = x + half + 4
    return parts


def _below(frame: _Frame, down: int, label: str) -> str:
    middle = (frame.left + frame.right) / 2
    return f"<text x='{middle:.1f}' y='{frame.bottom + down:.0f}' text-anchor='middle'>{html.escape(label)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    ends = f"x1='{_pixels(x1)}' y1='{_pixels(y1)}' x2='{_pixels(x2)}' y2='{_pixels(y2)}'"
    return f"<line {ends} stroke='{colour}' {more}/>"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_pixels(x)},{_pixels(y)}" for x, y in points)


def _pixels(value: float) -> str:
    """To a tenth, and without a sign of 0: the same on every machine."""
    return f"{round(value, 1) + 0.0:.1f}"


def _numbers(values: Sequence[float]) -> list[str]:
    """Values as text, all with as many decimals as one of them needs."""
    decimals = next((n for n in range(6) if all(abs(round(value, n) - value) < 1e-9 for value in values)), 6)
    return [f"{value:,.{decimals}f}" for value in values]


def _colour(series: Series, number: int) -> str:
    return PALETTE[(number if series.colour is None else series.colour) % len(PALETTE)]


def _drawing(height: float, parts: Sequence[str], width: float = _WIDTH) -> str:
    """A drawing that can be shown smaller, with grey text."""
    attributes = f" viewBox='0 0 {width:.0f} {height:.0f}' fill='{INK}' role='img'"
    return drawing(width, height, parts, attributes)
