"""A chart of grouped bars with a logarithmic axis."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bench._svg import TEXT, document, legend, log_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench._svg import Axis

__all__ = ["bar_chart"]

_BAR, _GAP = 12, 22
_LEFT, _TOP, _HEIGHT, _BOTTOM = 70, 32, 320, 40
_LEAST = 560  # wide enough for a title


def bar_chart(title: str, unit: str, groups: Mapping[str, Mapping[str, float]], colours: Mapping[str, str]) -> str:
    """Draw one group of bars per outer key, and in it one bar per inner key.

    Args:
        title: What the chart shows.
        unit: The unit of the values, such as B.
        groups: The values by group and series; a series may be missing in a group. All are positive.
        colours: The colour of each series, in the order in which they stand.

    Returns:
        A complete SVG document.

    Raises:
        ValueError: When there is nothing to draw, or a value is not positive.
    """
    axis = log_axis(unit, (value for group in groups.values() for value in group.values()))
    shown = {name: colour for name, colour in colours.items() if any(name in group for group in groups.values())}
    pitch = len(shown) * _BAR + _GAP
    width = max(_LEFT + len(groups) * pitch + 10, _LEAST)
    names, high = legend(shown, _LEFT, _TOP, width)
    foot = _TOP + high + 14 + _HEIGHT
    parts = [*names, *_rules(axis, foot, width)]
    for index, (name, group) in enumerate(groups.items()):
        left = _LEFT + _GAP / 2 + index * pitch
        middle = left + len(shown) * _BAR / 2
        parts.append(f'<text x="{middle:.1f}" y="{foot + 20:.1f}" text-anchor="middle">{escape(name)}</text>')
        for place, (key, colour) in enumerate(shown.items()):
            if key in group:
                label = f"{name}, {key}: {group[key]:,.10g} {unit}"
                parts += _bar(left + place * _BAR, foot, axis.place(group[key]), colour, label)
    return document(title, width, foot + _BOTTOM, parts)


def _rules(axis: Axis, foot: float, width: float) -> list[str]:
    lines = []
    for place, label in axis.labels:
        y = foot - place * _HEIGHT
        lines += [
            f'<line x1="{_LEFT}" x2="{width - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{TEXT}" stroke-opacity="0.35"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>',
        ]
    return lines


def _bar(x: float, foot: float, place: float, colour: str, label: str) -> list[str]:
    height = place * _HEIGHT
    return [
        f'<rect x="{x:.1f}" y="{foot - height:.1f}" width="{_BAR - 2}" height="{height:.1f}"',
        f'  fill="{colour}"><title>{escape(label)}</title></rect>',
    ]
