"""Markdown tables, padded so that they read in a terminal too."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench._race import Job, Outcome, Sample

__all__ = ["by_tool", "colours", "grid", "middle", "section"]

_YARDSTICK_COLOURS = {"zstd patch": "#8a8f98", "xdelta3": "#b39b6a", "bsdiff": "#6f7f95"}


def section(title: str, *paragraphs: str) -> str:
    """Return a heading with what stands below it; empty paragraphs are left out."""
    return "\n\n".join([f"## {title}", *(paragraph for paragraph in paragraphs if paragraph)])


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column stands on the left, numbers on the right."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def write(line: Sequence[str]) -> str:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        return f"| {' | '.join(cells)} |"

    return "\n".join(write(line) for line in (head, rule, *rows))


def by_tool(
    outcomes: Sequence[Outcome],
    pick: tuple[Job, str],
    value: Callable[[Sample], float],
    shape: str,
    *,
    yardsticks: Callable[[Outcome], Mapping[str, float]] = lambda _: {},
    total: bool = False,
) -> str:
    """Return a table with a row for each pair and a column for each tool.

    Args:
        outcomes: The pairs.
        pick: Which samples: a job and a link.
        value: The number of a sample; a cell is the median of them.
        shape: How numbers are written, as for `str.format`.
        yardsticks: More columns, which are no tool's.
        total: Whether a row of sums follows.
    """
    rows = [
        {name: middle(samples, value) for name, samples in outcome.select(*pick).items()} | dict(yardsticks(outcome))
        for outcome in outcomes
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        [f"{outcome.pair} ({outcome.size / 1e6:.1f} MB)", *(_cell(row.get(name), shape) for name in names)]
        for outcome, row in zip(outcomes, rows, strict=True)
    ]
    if total:
        lines.append(["**sum**", *(f"**{_cell(_sum([row.get(name) for row in rows]), shape)}**" for name in names)])
    return grid(["catalog", *names], lines)


def _sum(column: Sequence[float | None]) -> float | None:
    """Add up a column; one that lacks a number has no sum."""
    known = [number for number in column if number is not None]
    return sum(known) if len(known) == len(column) else None


def _cell(number: float | None, shape: str) -> str:
    """Return a number as text; a dash for none, and for what does not count."""
    return shape.format(number) if number else "-"


def colours(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return the colours of the tools and of the yardsticks, in the order of a table's columns."""
    return {tool.name: tool.colour for outcome in outcomes for tool in outcome.tools} | _YARDSTICK_COLOURS


def middle(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Return the median of the samples' values."""
    return median(value(sample) for sample in samples)
