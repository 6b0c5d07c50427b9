from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from bench._bars import bar_chart
from bench._catsync import Catsync, CatsyncBlocks
from bench._lines import line_chart
from bench._svg import PALETTE, TEXT, linear_axis, log_axis, write_number
from bench._table import colours
from bench.peers import TOOLS
from hypothesis import example, given
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = {name: PALETTE[index] for index, name in enumerate("abcd")}
POSITIVE = st.floats(1e-6, 1e12)


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own output


def named(svg: str, shape: str) -> dict[str, ET.Element]:
    """The shapes by their tooltip."""
    found = parse(svg).iter(f"{SVG}{shape}")
    return {title.text or "": each for each in found if (title := each.find(f"{SVG}title")) is not None}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parse(svg).iter(f"{SVG}text")]


@given(st.lists(POSITIVE, min_size=1))
def test_a_logarithmic_axis_holds_all_values_and_shows_the_least(values: list[float]) -> None:
    axis = log_axis("B", values)
    places = [axis.place(value) for value in values]
    assert 0 < min(places) <= max(places) <= 1 + 1e-9
    assert 2 <= len(axis.ticks) <= 20
    assert [axis.place(tick) for tick in axis.ticks] == sorted(axis.place(tick) for tick in axis.ticks)


@example(values=[0], start=1.0)
@given(values=st.lists(st.integers(0, 10**9), min_size=1), start=st.sampled_from([0.0, 1.0, math.inf]))
def test_a_linear_axis_holds_all_values_and_its_start(values: list[int], start: float) -> None:
    axis = linear_axis("B", values, start=start)
    known = values if math.isinf(start) else [*values, start]
    assert all(-1e-9 <= axis.place(value) <= 1 + 1e-9 for value in known)
    assert 2 <= len(axis.ticks) <= 11
    assert all(0 <= axis.place(tick) <= 1 for tick in axis.ticks)


def test_equal_factors_are_equal_steps_on_a_logarithmic_axis() -> None:
    axis = log_axis("B", [10, 1_000, 100_000])
    first, second, third = (axis.place(value) for value in (10, 1_000, 100_000))
    assert third - second == pytest.approx(second - first)


@pytest.mark.parametrize("values", [[], [0.0], [1.0, -1.0]])
def test_a_logarithm_needs_positive_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        log_axis("B", values)
    with pytest.raises(ValueError, match="needs values"):
        linear_axis("B", [])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (500, "B", "500 B"),
        (2_000_000, "B", "2 MB"),
        (0.5, "s", "0.5 s"),
        (1_000, "s", "1,000 s"),
        (1.2, "", "1.2"),
    ],
)
def test_numbers_have_their_unit(value: float, unit: str, text: str) -> None:
    assert write_number(value, unit) == text


def test_bars_are_as_high_as_their_logarithms_and_stand_on_one_line() -> None:
    drawn = named(bar_chart("t", "B", {"g": {"a": 10, "b": 1_000, "c": 100_000}}, COLOURS), "rect")
    assert set(drawn) == {"g, a: 10 B", "g, b: 1,000 B", "g, c: 100,000 B"}
    low, middle, high = (float(bar.attrib["height"]) for bar in drawn.values())
    assert high - middle == pytest.approx(middle - low, abs=0.2)
    assert low > 10  # the least is seen, too
    assert len({round(float(bar.attrib["y"]) + float(bar.attrib["height"])) for bar in drawn.values()}) == 1


def test_a_series_keeps_its_place_and_colour_where_others_are_missing() -> None:
    drawn = named(bar_chart("t", "B", {"one": {"a": 10, "b": 20}, "two": {"b": 30}}, COLOURS), "rect")
    assert drawn["one, b: 20 B"].attrib["fill"] == drawn["two, b: 30 B"].attrib["fill"] == COLOURS["b"]
    lefts = sorted(float(bar.attrib["x"]) for bar in drawn.values())
    assert all(right - left >= 12 for left, right in pairwise(lefts))


def test_axis_legend_and_names_are_written_and_escaped() -> None:
    written = texts(bar_chart("a < b", "B", {"x & y": {"a": 900, "b": 2_000_000}}, COLOURS))
    assert written == ["a < b", "a", "b", "1 kB", "10 kB", "100 kB", "1 MB", "x & y"]


def test_all_bars_and_names_lie_inside_the_picture() -> None:
    groups = {f"group {i}": {f"series {j}": 10.0 ** (i + j) for j in range(12)} for i in range(5)}
    svg = bar_chart("t", "B", groups, {f"series {j}": PALETTE[0] for j in range(12)})
    width, height = map(float, parse(svg).attrib["viewBox"].split()[2:])
    for bar in named(svg, "rect").values():
        assert 0 <= float(bar.attrib["x"]) <= width - float(bar.attrib["width"])
        assert 0 <= float(bar.attrib["y"]) <= height - float(bar.attrib["height"])
    for text in parse(svg).iter(f"{SVG}text"):
        assert float(text.attrib["x"]) + 7 * len(text.text or "") <= width or text.get("text-anchor")
        assert 0 < float(text.attrib["y"]) < height


def test_lines_join_their_points_and_marks_say_what_they_are() -> None:
    axes = log_axis("s", [1, 100]), linear_axis("", [1, 2], start=1)
    svg = line_chart(
        "t", "seconds", axes, {"a": [(1, 2), (10, 1.5), (100, 1)]}, COLOURS, marks=["fast", "default", "best"]
    )
    assert set(named(svg, "circle")) == {"fast", "a, fast: 1 s, 2"}
    assert set(named(svg, "rect")) == {"default", "a, default: 10 s, 1.5"}
    assert set(named(svg, "polygon")) == {"best", "a, best: 100 s, 1"}
    (line,) = parse(svg).iter(f"{SVG}polyline")
    (x1, y1), (x2, y2), (x3, y3) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y2 - y1 == pytest.approx(y3 - y2, abs=0.2)
    assert y1 < y3  # up is more


def test_no_colour_is_lost_on_a_light_or_a_dark_page_and_no_two_tools_share_one() -> None:
    tools = {tool.name: tool.colour for tool in TOOLS}
    assert len(set(tools.values())) == len(tools)
    assert Catsync.colour != CatsyncBlocks.colour
    for colour in {*PALETTE, TEXT, *tools.values(), *colours([]).values()}:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        assert math.isclose(luminance, 0.27, abs_tol=0.22), colour
