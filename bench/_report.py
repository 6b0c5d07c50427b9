"""Turn what was measured into the benchmark page: Markdown tables, notes on method, and the chart beside them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench._catsync import CATSYNC, read_summary
from bench._svg import bar_chart
from bench._tools import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench._race import Outcome, Sample

__all__ = ["Occasion", "render_chart", "render_page", "render_tables"]

REFERENCE = "zstd patch"
"""The column that is no tool: a zstd patch between the two tars."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, where and how the benchmark ran."""

    command: str
    date: str
    machine: str
    runs: int
    versions: Mapping[str, str]
    """What each program says of its version."""


def render_page(outcomes: Sequence[Outcome], occasion: Occasion, chart: str) -> str:
    """Write the whole page.

    Args:
        outcomes: One per pair.
        occasion: When, where and how it ran.
        chart: The chart's path, relative to the page.
    """
    sections = [
        "# catsync and other delta tools",
        _origin(occasion),
        f"![Bytes on the wire by catalog and tool]({chart})",
        render_tables(outcomes),
        _method(outcomes),
        _details(outcomes),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _origin(occasion: Occasion) -> str:
    versions = "; ".join(f"{name} {version}" for name, version in occasion.versions.items())
    runs = "one run" if occasion.runs == 1 else f"{occasion.runs} runs"
    return f"""`{occasion.command}` wrote this page; do not edit it.

- Date: {occasion.date}
- Machine: {occasion.machine}
- Programs: {versions}
- Every figure is the median of {runs}."""


def render_chart(outcomes: Sequence[Outcome]) -> str:
    """Draw the bytes on the wire as SVG."""
    groups = {
        outcome.pair: {
            tool: _middle(samples, lambda sample: sample.traffic.bytes) for tool, samples in _by_tool(outcome).items()
        }
        | {REFERENCE: outcome.patch}
        for outcome in outcomes
    }
    return bar_chart("Bytes on the wire per update, logarithmic", "B", groups)


def render_tables(outcomes: Sequence[Outcome]) -> str:
    """Write the tables alone, as they also go to the terminal."""
    sections = [
        _section(
            "Bytes on the wire",
            "One update from the old version to the new one: both directions, protocol headers included. "
            f"*{REFERENCE}* is no tool but a yardstick: `zstd -19 --long=27 --patch-from` of the two tars.",
            _table(outcomes, lambda sample: sample.traffic.bytes, "{:,.0f}", reference=True, total=True),
        ),
        _section(
            "Requests",
            "HTTP requests of the same updates. rsync speaks its own protocol over one connection.",
            _table(outcomes, lambda sample: sample.traffic.requests, "{:,.0f}", total=True),
        ),
        _section(
            "Wall time, seconds",
            "On loopback, so without any network's latency or rate; page cache warm. "
            "Other work on the machine lengthens these times; the load average above says how much there was.",
            _table(outcomes, lambda sample: sample.cost.wall, "{:.2f}", total=True),
        ),
        _section(
            "CPU time, seconds",
            "User and system time of the client's whole process tree. The server's is not in it: rsync computes "
            "there for every device, the others only once when they publish.",
            _table(outcomes, lambda sample: sample.cost.cpu, "{:.2f}", total=True),
        ),
        _section(
            "Peak memory, MB",
            "Resident memory of the client's largest process.",
            _table(outcomes, lambda sample: sample.cost.memory / 1e6, "{:.1f}"),
        ),
        _first_downloads(outcomes),
    ]
    return "\n\n".join(section for section in sections if section)


def _section(title: str, text: str, table: str) -> str:
    return f"## {title}\n\n{text}\n\n{table}"


def _by_tool(outcome: Outcome) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {}
    for sample in outcome.updates:
        samples.setdefault(sample.tool, []).append(sample)
    order = [tool.name for tool in (*PEERS, *CATSYNC)]
    return {name: samples[name] for name in order if name in samples}


def _middle(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return median(value(sample) for sample in samples)


def _table(
    outcomes: Sequence[Outcome],
    value: Callable[[Sample], float],
    shape: str,
    *,
    reference: bool = False,
    total: bool = False,
) -> str:
    rows = [
        [_middle(samples, value) for samples in _by_tool(outcome).values()] + [outcome.patch] * reference
        for outcome in outcomes
    ]
    names = [*_by_tool(outcomes[0]), *[REFERENCE] * reference]
    lines = [
        [f"{outcome.pair} ({outcome.size / 1e6:.1f} MB)", *(_cell(number, shape) for number in row)]
        for outcome, row in zip(outcomes, rows, strict=True)
    ]
    if total:
        sums = [sum(column) for column in zip(*rows, strict=True)]
        lines.append(["**sum**", *(f"**{_cell(number, shape)}**" for number in sums)])
    return _grid(["catalog", *names], lines)


def _cell(number: float, shape: str) -> str:
    return shape.format(number) if number else "-"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table, padded so that it reads in a terminal too."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def write(line: Sequence[str]) -> str:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        return f"| {' | '.join(cells)} |"

    return "\n".join(write(line) for line in (head, rule, *rows))


def _first_downloads(outcomes: Sequence[Outcome]) -> str:
    measured = [outcome for outcome in outcomes if outcome.installs]
    if not measured:
        return ""
    wire = [_middle(outcome.installs, lambda sample: sample.traffic.bytes) for outcome in measured]
    rows = [
        [
            outcome.pair,
            f"{outcome.size:,}",
            f"{outcome.solid:,}",
            f"{total:,.0f}",
            f"{total / outcome.solid:.3f}",
            f"{_middle(outcome.installs, lambda sample: sample.traffic.requests):,.0f}",
            f"{_middle(outcome.installs, lambda sample: sample.cost.wall):.2f}",
            f"{_middle(outcome.installs, lambda sample: sample.cost.memory) / 1e6:.1f}",
        ]
        for outcome, total in zip(measured, wire, strict=True)
    ]
    size, solid = sum(outcome.size for outcome in measured), sum(outcome.solid for outcome in measured)
    sums = f"{size:,}", f"{solid:,}", f"{sum(wire):,.0f}", f"{sum(wire) / solid:.3f}"
    rows.append(["**sum**", *(f"**{number}**" for number in sums), "", "", ""])
    return _section(
        "First download",
        "A device that has nothing takes the new version: `catsync add` and `catsync offline`, bytes in both "
        "directions with headers, beside the bare length of `tar | zstd -19 --long=27` of the same tree.",
        _grid(["catalog", "tree", "tar, zstd -19", "catsync", "ratio", "requests", "seconds", "peak MB"], rows),
    )


def _method(outcomes: Sequence[Outcome]) -> str:
    tools = {tool.name: tool.how for tool in (*PEERS, *CATSYNC)}
    drives = "\n".join(f"- **{name}**: {tools[name]}." for name in _by_tool(outcomes[0]))
    return f"""## How it was measured

- The catalogs are neighbouring releases of real packages, pinned by version and SHA-256 in `bench/catalogs.py`.
- Bytes are counted by a TCP relay between client and server, never taken from a tool's own report. TCP/IP headers,
  acknowledgements and handshakes are not counted.
- One nginx, untuned and without compression, serves all HTTP tools. rsync's daemon stands behind the same kind of
  relay.
- Before each run the device is put back to the old version, and after it the result is compared byte by byte with
  the new one. The tools take turns within one run of the benchmark; every other turn runs in reverse order.
- Some package registries give every file one constant modification time, with which rsync's quick check would
  skip changed files of equal size. Here a changed file has a newer time than before and an unchanged file keeps its
  own: rsync's best case, and what an edited folder looks like.
- Only catsync flushes what it wrote to the disk before it says that it is done. The others leave that to the system,
  which shows in the wall times.
- What the publisher spends on preparing a version is not measured here. rsync spends nothing, but needs its own
  server, which computes for every device; for the others any static web server will do.

{drives}"""


def _details(outcomes: Sequence[Outcome]) -> str:
    rows = [
        _detail(outcome.pair, samples[0])
        for outcome in outcomes
        for name, samples in _by_tool(outcome).items()
        if name in {tool.name for tool in CATSYNC}
    ]
    if not rows:
        return ""
    return _section(
        "What catsync says of its updates",
        "From the summary of `update --json`, of one run, beside what the relay saw; there the check before the update "
        "and the headers are included. Actions are files by how the new version got them.",
        _grid(["catalog", "tool", "bytes received", "relay", "requests", "relay", "actions"], rows),
    )


def _detail(pair: str, sample: Sample) -> list[str]:
    summary = read_summary(sample.output)
    actions = [f"{name} {action['files']:,}" for name, action in summary["actions"].items() if action["files"]]
    return [
        pair,
        sample.tool,
        f"{summary['bytes_received']:,}",
        f"{sample.traffic.received:,}",
        f"{summary['requests']:,}",
        f"{sample.traffic.requests:,}",
        ", ".join(actions),
    ]
