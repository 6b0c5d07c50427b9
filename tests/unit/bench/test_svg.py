from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from bench._svg import bar_chart

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg: str) -> dict[str, ET.Element]:
    """The bars by their tooltip."""
    root = ET.fromstring(svg)  # noqa: S314 - our own output
    return {title.text or "": bar for bar in root.iter(f"{SVG}rect") if (title := bar.find(f"{SVG}title")) is not None}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own output


def test_heights_are_logarithms_and_stand_on_one_line() -> None:
    drawn = bars(bar_chart("t", "B", {"g": {"a": 10, "b": 1_000, "c": 100_000}}))
    assert set(drawn) == {"g, a: 10 B", "g, b: 1,000 B", "g, c: 100,000 B"}
    low, middle, high = (float(bar.attrib["height"]) for bar in drawn.values())
    assert high == pytest.approx(2 * middle)
    assert low < middle / 100  # the axis starts there; it still shows
    assert low > 0
    assert len({round(float(bar.attrib["y"]) + float(bar.attrib["height"])) for bar in drawn.values()}) == 1


def test_a_series_keeps_its_place_and_colour_where_others_are_missing() -> None:
    drawn = bars(bar_chart("t", "B", {"one": {"a": 10, "b": 20}, "two": {"b": 30}}))
    assert drawn["one, b: 20 B"].attrib["fill"] == drawn["two, b: 30 B"].attrib["fill"]
    assert drawn["one, a: 10 B"].attrib["fill"] != drawn["one, b: 20 B"].attrib["fill"]
    lefts = sorted(float(bar.attrib["x"]) for bar in drawn.values())
    assert all(right - left >= 12 for left, right in pairwise(lefts))


def test_axis_legend_and_names_are_written_and_escaped() -> None:
    written = texts(bar_chart("a < b", "B", {"x & y": {"one": 900, "two": 2_000_000}}))
    assert written[0] == "a < b"
    assert written[1:7] == ["100 B", "1 kB", "10 kB", "100 kB", "1 MB", "10 MB"]
    assert written[7:] == ["one", "two", "x & y"]


def test_everything_lies_inside_the_picture() -> None:
    groups = {f"group {i}": {f"series {j}": 10.0 ** (i + j) for j in range(4)} for i in range(5)}
    svg = bar_chart("t", "B", groups)
    width, height = map(float, ET.fromstring(svg).attrib["viewBox"].split()[2:])  # noqa: S314 - our own output
    for bar in bars(svg).values():
        assert 0 <= float(bar.attrib["x"]) <= width - float(bar.attrib["width"])
        assert 0 <= float(bar.attrib["y"]) <= height - float(bar.attrib["height"])


def test_no_colour_is_lost_on_a_light_or_a_dark_page() -> None:
    svg = bar_chart("t", "B", {"g": {str(i): 10.0 for i in range(8)}})
    colours = {element.attrib["fill"] for element in ET.fromstring(svg).iter() if "fill" in element.attrib}  # noqa: S314 - our own output
    assert len(colours) == 9  # eight series and the text
    for colour in colours:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        assert math.isclose(luminance, 0.27, abs_tol=0.22), colour


@pytest.mark.parametrize("groups", [{}, {"g": {}}, {"g": {"a": 0}}, {"g": {"a": 1, "b": -1}}])
def test_a_logarithm_needs_positive_values(groups: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="positive"):
        bar_chart("t", "B", groups)
