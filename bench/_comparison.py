"""The comparison on loopback: bytes, requests and what they cost the device, by catalog and tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench._bars import bar_chart
from bench._page import Part, picture
from bench._race import Job
from bench._shape import LOOPBACK
from bench._table import by_tool, colours, middle, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench._race import Outcome, Sample

__all__ = ["compare"]

_PUBLISH, _UPDATE, _CHECK = ((job, LOOPBACK.name) for job in (Job.PUBLISH, Job.UPDATE, Job.CHECK))


def compare(outcomes: Sequence[Outcome]) -> Part:
    """Present what updates and checks cost on loopback."""
    sections = [_bytes(outcomes), _requests(outcomes), _checks(outcomes), *_costs(outcomes)]
    return Part("\n\n".join(sections), {"wire-bytes": _draw_bytes(outcomes)})


def _bytes(outcomes: Sequence[Outcome]) -> str:
    left_out = [
        f"- {program} was left out for {outcome.pair}: {reason}."
        for outcome in outcomes
        for program, reason in outcome.yardsticks.left_out.items()
    ]
    return section(
        "Bytes on the wire",
        "One update from the old version to the new one: both directions, protocol headers included. The columns on "
        "the right are no tools but yardsticks, the bare length of a delta between the two whole tars: *zstd patch* "
        "is `zstd -19 --long=27 --patch-from`, *xdelta3* is `xdelta3 -9`, *bsdiff* is `bsdiff`, whose memory is 17 "
        "times the old tar.",
        "\n".join(left_out),
        picture("wire-bytes", "Bytes on the wire by catalog and tool"),
        by_tool(outcomes, _UPDATE, _on_wire, "{:,.0f}", yardsticks=_deltas, total=True),
    )


def _draw_bytes(outcomes: Sequence[Outcome]) -> str:
    groups = {
        outcome.pair: {tool: middle(samples, _on_wire) for tool, samples in outcome.select(*_UPDATE).items()}
        | _deltas(outcome)
        for outcome in outcomes
    }
    return bar_chart("Bytes on the wire per update, logarithmic", "B", groups, colours(outcomes))


def _deltas(outcome: Outcome) -> dict[str, float]:
    return dict(outcome.yardsticks.deltas)


def _requests(outcomes: Sequence[Outcome]) -> str:
    return section(
        "Requests",
        "HTTP requests of the same updates. rsync speaks its own protocol over one connection.",
        by_tool(outcomes, _UPDATE, _asked, "{:,.0f}", total=True),
    )


def _checks(outcomes: Sequence[Outcome]) -> str:
    return section(
        "A check when nothing is new",
        "Bytes on the wire in both directions. What a check is differs from tool to tool and stands at the end of this "
        "page; zsync and casync have none of their own.",
        by_tool(outcomes, _CHECK, _on_wire, "{:,.0f}"),
    )


def _costs(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        section(
            "Wall time, seconds",
            "Of an update on loopback, so without any network's latency or rate; page cache warm. "
            "Other work on the machine lengthens these times; the load average above says how much there was.",
            by_tool(outcomes, _UPDATE, lambda sample: sample.cost.wall, "{:.2f}", total=True),
        ),
        section(
            "CPU time, seconds",
            "User and system time of the client's whole process tree, of an update. The server's is not in it: rsync "
            "computes there for every device, the others only once when they publish.",
            by_tool(outcomes, _UPDATE, lambda sample: sample.cost.cpu, "{:.2f}", total=True),
        ),
        section(
            "Peak memory, MB",
            "Resident memory of the client's largest process, of an update.",
            by_tool(outcomes, _UPDATE, lambda sample: sample.cost.memory / 1e6, "{:.1f}"),
        ),
        section(
            "Publishing, seconds",
            "Wall time of what the publisher runs for the new version, once; making zsync's tar is not counted. rsync "
            "prepares nothing. catsync makes patches here, and applies each of them to prove it.",
            by_tool(outcomes, _PUBLISH, lambda sample: sample.cost.wall, "{:.2f}", total=True),
        ),
    ]


def _on_wire(sample: Sample) -> float:
    return sample.traffic.bytes


def _asked(sample: Sample) -> float:
    return sample.traffic.requests
