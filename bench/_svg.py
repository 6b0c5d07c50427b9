"""The parts that charts are made of, as SVG: axes, legend, frame.

The colours are mid-tones and the background is transparent, so that a chart reads on a light and on a dark page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["PALETTE", "TEXT", "Axis", "document", "legend", "linear_axis", "log_axis", "write_number"]

PALETTE = ("#4f81bd", "#d08c3a", "#2f9e63", "#a371c9", "#c0504d", "#3aa6b0", "#8a8f98")
"""For series that have no colour of their own."""
TEXT = "#7d8590"
"""About 4:1 on white and 5:1 on near-black."""

_PREFIXES = ("", "k", "M", "G")
_ROOM = 1.5  # times the start of a logarithmic axis is the least value, so that its bar is seen
_CROWDED = 500  # times the start of a logarithmic axis is its end: from there on it has only powers of ten
_LETTER = 7.0  # about the width of one, at the size of the legend


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to places along an axis."""

    unit: str
    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the axis' start, 1 at its end."""
        if self.logarithmic:
            return math.log10(value / self.low) / math.log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """The places of the ticks, with what is written there."""
        return [(self.place(tick), write_number(tick, self.unit)) for tick in self.ticks]


def log_axis(unit: str, values: Iterable[float]) -> Axis:
    """Return an axis that begins well below all values and holds them.

    Raises:
        ValueError: When there is no value, or one is not positive.
    """
    known = list(values)
    if not known or min(known) <= 0:
        raise ValueError("a logarithmic axis needs positive values")
    powers = range(math.floor(math.log10(min(known))) - 1, math.ceil(math.log10(max(known))) + 1)
    steps = [times * 10.0**power for power in powers for times in (1, 2, 5)]
    low = max(step for step in steps if step <= min(known) / _ROOM)
    high = min(step for step in steps if step >= max(known))
    inner = [step for step in steps if low <= step <= high]
    if high / low > _CROWDED:
        inner = [10.0**power for power in powers if low <= 10.0**power <= high]
    return Axis(unit, low, high, tuple(inner), logarithmic=True)


def linear_axis(unit: str, values: Iterable[float], *, start: float = math.inf) -> Axis:
    """Return an axis with round ticks that holds all values.

    Args:
        unit: Of the values.
        values: What is drawn.
        start: A value that the axis shows too, such as 0.

    Raises:
        ValueError: When there is no value.
    """
    known = list(values)
    if not known:
        raise ValueError("an axis needs values")
    shown = known if math.isinf(start) else [*known, start]
    low, high = min(shown), max(shown)
    step = _round_step((high - low or abs(high) or 1.0) / 8)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(round(number * step, 10) for number in range(first, max(last, first + 1) + 1))
    return Axis(unit, ticks[0], ticks[-1], ticks, logarithmic=False)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= least)


def write_number(value: float, unit: str) -> str:
    """Write a value with its unit; bytes with a decimal prefix, so 2000000 as `2 MB`."""
    if unit != "B":
        return f"{value:,.10g} {unit}".rstrip()
    step = min(max(math.floor(math.log10(value)) // 3, 0), len(_PREFIXES) - 1) if value else 0
    return f"{value / 1000.0**step:g} {_PREFIXES[step]}B"


def legend(colours: Mapping[str, str], left: float, top: float, width: float) -> tuple[list[str], float]:
    """Return what names the series, in as many lines as it takes, and the height of it."""
    parts, x, y = [], left, top
    for name, colour in colours.items():
        wide = 17 + _LETTER * len(name) + 16
        if x > left and x + wide > width:
            x, y = left, y + 18
        parts += [
            f'<rect x="{x:.0f}" y="{y:.0f}" width="12" height="12" rx="2" fill="{colour}"/>',
            f'<text x="{x + 17:.0f}" y="{y + 10:.0f}">{escape(name)}</text>',
        ]
        x += wide
    return parts, y + 18 - top


def document(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    """Return a complete SVG document with a title above its parts."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"',
        f'  height="{height:.0f}" role="img" font-family="sans-serif" font-size="12" fill="{TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="10" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
        *parts,
        "</svg>",
    ]
    return "\n".join([*lines, ""])
