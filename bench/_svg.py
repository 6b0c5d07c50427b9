"""Write a grouped bar chart with a logarithmic axis as SVG.

The colours are mid-tones and the background is transparent, so that the chart reads on a light and on a dark page.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bar_chart"]

_COLOURS = ("#4f81bd", "#8fb0da", "#d08c3a", "#a371c9", "#c9a8e0", "#2f9e63", "#86c79d", "#8a8f98")
_TEXT = "#7d8590"  # about 4:1 on white and 5:1 on near-black
_BAR, _GAP = 12, 22
_LEFT, _TOP, _HEIGHT, _BOTTOM = 70, 64, 320, 40
_PREFIXES = ("", "k", "M", "G")


def bar_chart(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw one group of bars per outer key, and in it one bar per inner key.

    Args:
        title: What the chart shows.
        unit: The unit of the values, such as B.
        groups: The values by group and series; a series may be missing in a group. All are positive.

    Returns:
        A complete SVG document.

    Raises:
        ValueError: When there is nothing to draw, or a value is not positive.
    """
    values = [value for group in groups.values() for value in group.values()]
    if not values or min(values) <= 0:
        raise ValueError("a logarithmic axis needs positive values")
    series = list(dict.fromkeys(name for group in groups.values() for name in group))
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    scale = _Scale(low, max(high, low + 1), unit)
    pitch = len(series) * _BAR + _GAP
    width, height = _LEFT + len(groups) * pitch + 10, _TOP + _HEIGHT + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
        f'  role="img" font-family="sans-serif" font-size="12" fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="10" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_axis(scale, width),
        *_legend(series),
    ]
    for index, (name, group) in enumerate(groups.items()):
        left = _LEFT + _GAP / 2 + index * pitch
        middle = left + len(series) * _BAR / 2
        lines.append(f'<text x="{middle:.1f}" y="{height - 20}" text-anchor="middle">{escape(name)}</text>')
        for place, key in enumerate(series):
            if key in group:
                label = f"{name}, {key}: {group[key]:,.0f} {unit}"
                lines += _bar(left + place * _BAR, scale.height(group[key]), _colour(place), label)
    return "\n".join([*lines, "</svg>", ""])


class _Scale:
    """Maps values to heights above the axis, powers of ten to equal steps."""

    def __init__(self, low: int, high: int, unit: str) -> None:
        self.powers = range(low, high + 1)
        self.unit = unit

    def height(self, value: float) -> float:
        low, high = self.powers[0], self.powers[-1]
        return (math.log10(value) - low) / (high - low) * _HEIGHT


def _axis(scale: _Scale, width: float) -> list[str]:
    lines = []
    for power in scale.powers:
        y = _TOP + _HEIGHT - scale.height(10.0**power)
        label = f"{_short(power)}{escape(scale.unit)}"
        lines += [
            f'<line x1="{_LEFT}" x2="{width - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_TEXT}" stroke-opacity="0.35"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>',
        ]
    return lines


def _legend(series: Sequence[str]) -> list[str]:
    parts, x = [], float(_LEFT)
    for index, name in enumerate(series):
        parts += [
            f'<rect x="{x:.0f}" y="32" width="12" height="12" rx="2" fill="{_colour(index)}"/>',
            f'<text x="{x + 17:.0f}" y="42">{escape(name)}</text>',
        ]
        x += 17 + 7 * len(name) + 16
    return parts


def _bar(x: float, height: float, colour: str, label: str) -> list[str]:
    height = max(height, 1.0)  # the smallest stays visible
    return [
        f'<rect x="{x:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{_BAR - 2}" height="{height:.1f}"',
        f'  fill="{colour}"><title>{escape(label)}</title></rect>',
    ]


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _short(power: int) -> str:
    """Write a power of ten with a decimal prefix: 6 as `1 M`."""
    step = min(max(power // 3, 0), len(_PREFIXES) - 1)
    return f"{10.0 ** (power - 3 * step):g} {_PREFIXES[step]}"
