"""The benchmark page: what each part measured, beside when, where and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench._race import RUNS_OF_SMALL, SMALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["CHARTS", "Occasion", "Part", "picture", "write_page"]

CHARTS = "benchmarks"
"""The folder of the charts, beside the page."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, where and how the benchmark ran."""

    command: str
    date: str
    machine: str
    runs: int
    versions: Mapping[str, str]
    """What each program says of its version."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some sections of the page, as Markdown."""

    text: str
    charts: Mapping[str, str] = field(default_factory=dict)
    """SVG documents by name, without suffix."""


def picture(name: str, shows: str) -> str:
    """Return the Markdown that shows a chart.

    Args:
        name: Its name among a part's charts.
        shows: What those learn who cannot see it.
    """
    return f"![{shows}]({CHARTS}/{name}.svg)"


def write_page(parts: Sequence[Part], occasion: Occasion, folder: Path) -> None:
    """Write `benchmarks.md`, and the charts beside it.

    Args:
        parts: What the page consists of.
        occasion: When, where and how it ran.
        folder: Where the page goes.
    """
    charts = folder / CHARTS
    charts.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for name, svg in part.charts.items():
            (charts / f"{name}.svg").write_text(svg)
    sections = ["# catsync and other delta tools", _origin(occasion), *(part.text for part in parts)]
    (folder / "benchmarks.md").write_text("\n\n".join(sections) + "\n")


def _origin(occasion: Occasion) -> str:
    versions = "; ".join(f"{name} {version}" for name, version in occasion.versions.items())
    runs = "one run" if occasion.runs == 1 else f"{occasion.runs} runs"
    return f"""`{occasion.command}` wrote this page; do not edit it.

- Date: {occasion.date}
- Machine: {occasion.machine}
- Programs: {versions}
- Every figure is the median of {runs}, unless its section says otherwise. Below {SMALL // 1_000_000} MB there are at
  least {RUNS_OF_SMALL}, for a single time that is so short says little."""
