import dataclasses
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from t2t_multimodel.data.inspect.heat_map import signed_colours
from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.plots import INK, PALETTE, Series, bars, curves, matrix
from t2t_multimodel.experiments.statistics import Interval

SVG = "{http://www.w3.org/2000/svg}"
NOWHERE = Interval(math.nan, -math.inf, math.inf, 0)


def _around(mean, half=0.1):
    return Interval(mean, mean - half, mean + half, 3)


def _series():
    return [
        Series.of("alone <&> it's", {100: _around(2.0), 1000: _around(1.5), 10000: _around(1.25)}),
        Series.of("joint", {100: _around(1.75), 1000: Interval(1.5, -math.inf, math.inf, 1), 10000: NOWHERE}),
        Series("law", (100, 1000, 10000), np.array([2.0, 1.5, 1.25]), np.full(3, 1.0), np.full(3, 2.5), False, 0),
    ]


def _parsed(svg):
    """The drawing, of which every element stands inside its frame."""
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(name)) for name in ("width", "height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.get(name, 0)) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.get(name, 0)) <= height
    return root


def _texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def _titles(root):
    return [element.text for element in root.iter(f"{SVG}title")]


def test_curves_show_each_point_with_its_interval_and_say_it():
    root = _parsed(curves(_series(), "examples", "loss", log_x=True))
    assert len(_titles(root)) == 5  # a missing mean has no point, a plain line none at all
    assert "alone <&> it's: 1.5 [1.4, 1.6] at 1,000" in _titles(root)
    assert {"alone <&> it's", "joint", "law", "examples", "loss", "100", "1,000", "10,000"} <= set(_texts(root))
    whiskers = [
        line for line in root.iter(f"{SVG}line") if line.get("x1") == line.get("x2") and line.get("stroke-width")
    ]
    assert len(whiskers) == 4


def test_places_on_a_logarithmic_axis():
    circles = list(_parsed(curves(_series(), "n", "y", log_x=True)).iter(f"{SVG}circle"))[1:]  # the first is the key's
    xs, ys = ([float(circle.get(name)) for circle in circles] for name in ("cx", "cy"))
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.11) and xs[1] - xs[0] > 200
    assert ys[1] - ys[0] == pytest.approx(2 * (ys[2] - ys[1]), abs=0.31) and ys[0] < ys[1]


def test_an_interval_far_longer_than_the_means_differ_is_cut():
    series = [Series.of("two seeds", {1: Interval(1.0, -9.0, 11.0, 2), 2: _around(1.2)})]
    root = _parsed(curves(series, "n", "y"))
    assert {"0.8", "1.4"} <= set(_texts(root)) and "11.0" not in _texts(root)


def test_series_differ_by_their_marks():
    many = [Series(str(i), [1, 2], [i, i]) for i in range(8)]
    root = _parsed(curves(many, "n", "y"))
    marks = [element for element in root.iter() if element.find(f"{SVG}title") is not None]
    shapes = {re.sub(r"[\d.]+", "", element.get("d", "")) + element.tag for element in marks}
    assert len(marks) == 16 and len(shapes) >= 5  # squares and diamonds, and both triangles, have as many corners


@pytest.mark.parametrize("background", ["#ffffff", "#16181c"])
def test_colours_are_seen_on_light_and_dark_pages(background):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear))

    for colour in (*PALETTE, INK):
        dark, light = sorted((luminance(colour), luminance(background)))
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_bars_stand_on_zero_with_one_colour_a_name():
    groups = {
        "captions & more": {"alone": _around(0.5), "joint": _around(-0.25)},
        "parsing": {"joint": _around(0.25), "alone": NOWHERE},
    }
    root = _parsed(bars(groups, "gain"))
    boxes = {box.find(f"{SVG}title").text.split(":")[0]: box for box in root.iter(f"{SVG}rect") if len(box)}
    assert list(boxes) == ["captions & more, alone", "captions & more, joint", "parsing, joint"]
    zero = float(boxes["parsing, joint"].get("x"))
    right, left = boxes["captions & more, alone"], boxes["captions & more, joint"]
    assert float(right.get("x")) == zero == pytest.approx(float(left.get("x")) + float(left.get("width")))
    assert float(right.get("width")) == pytest.approx(2 * float(left.get("width")), abs=0.2)
    assert left.get("fill") == boxes["parsing, joint"].get("fill") != right.get("fill")
    assert {"captions & more", "parsing", "alone", "joint", "gain"} <= set(_texts(root))


def test_a_matrix_shows_its_numbers_in_diverging_colours():
    root = _parsed(matrix([[0.5, -0.25], [math.nan, 0.0]], ["p", "q"], ["u", "v"]))
    cells = {box.find(f"{SVG}title").text: box.get("fill") for box in root.iter(f"{SVG}rect")}
    assert list(cells) == ["p, u: +0.50", "p, v: -0.25", "q, v: +0.00"]
    wanted = signed_colours(np.array([1.0, -0.5, 0.0]), 1.0)
    assert list(cells.values()) == [f"#{bytes(colour).hex()}" for colour in wanted]
    assert {"p", "q", "u", "v", "+0.50", "-0.25", "+0.00"} == set(_texts(root))


def test_values_that_differ_in_their_last_bits_give_the_same_text():
    text = curves(_series(), "n", "y", log_x=True)
    shifted = [dataclasses.replace(one, means=[mean + 1e-13 for mean in one.means]) for one in _series()]
    assert curves(shifted, "n", "y", log_x=True) == text and "'-0.0'" not in text and "'nan'" not in text


@pytest.mark.parametrize(
    "draw",
    [
        lambda: curves([], "n", "y"),
        lambda: curves([Series.of("none", {1: NOWHERE})], "n", "y"),
        lambda: curves([Series("zero", [0, 1], [1, 2])], "n", "y", log_x=True),
        lambda: curves([Series("short", [0, 1], [1])], "n", "y"),
        lambda: bars({"none": {"alone": NOWHERE}}, "x"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ExperimentError):
        draw()


def test_one_point_can_be_drawn():
    _parsed(curves([Series.of("one", {100: Interval(1.0, -math.inf, math.inf, 1)})], "n", "y", log_x=True))
    _parsed(bars({"one": {"alone": Interval(0.0, 0.0, 0.0, 2)}}, "x"))
