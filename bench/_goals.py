"""catsync against what is possible: an update beside a zstd patch, a first download beside a compressed tar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench._catsync import Catsync
from bench._page import Part
from bench._race import Job
from bench._rsync import Rsync
from bench._shape import LOOPBACK
from bench._table import by_tool, grid, middle, section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench._race import Outcome, Sample

__all__ = ["compare_with_possible"]

_TIMES, _MORE = 1.1, 1536
_SMALL_CHANGES = ("caniuse-lite", "airportsdata", "simple-icons", "openmoji")


def compare_with_possible(outcomes: Sequence[Outcome]) -> Part:
    """Present the bodies of catsync's updates, and first downloads."""
    measured = [outcome for outcome in outcomes if Catsync.name in outcome.select(Job.UPDATE)]
    sections = [_bodies(measured), _solid(measured)] if measured else []
    return Part("\n\n".join([*sections, _first_downloads(outcomes)]))


def _bodies(outcomes: Sequence[Outcome]) -> str:
    head = ["catalog", "bodies", "requests", "zstd patch", "ratio", "1.1 x + 1.5 KiB", "rsync / catsync"]
    lines = [_body_line(outcome) for outcome in outcomes]
    few = [outcome for outcome in outcomes if outcome.pair in _SMALL_CHANGES]
    if len(few) == len(_SMALL_CHANGES):
        body, patch = sum(_ask(outcome, Job.UPDATE, _body) for outcome in few), sum(map(_patch, few))
        lines.append(["**sum of four**", f"**{body:,.0f}**", "", f"**{patch:,}**", f"**{body / patch:.3f}**", "", ""])
    return section(
        "Bodies of an update",
        "What the server sends as content for one `catsync update`, without HTTP's headers: index, head, patch, and "
        "whatever else is asked for; counted between device and server. Beside it the zstd patch of the whole tars: "
        f"an update is to stay below {_TIMES} times that plus 1.5 KiB, and below the patch itself in the sum over "
        f"{', '.join(_SMALL_CHANGES)}. The last column is how many times catsync's bytes on the wire `rsync -az` "
        "transfers.",
        grid(head, lines),
    )


def _body_line(outcome: Outcome) -> list[str]:
    patch, body = _patch(outcome), _ask(outcome, Job.UPDATE, _body)
    rsync = outcome.select(Job.UPDATE).get(Rsync.name)
    return [
        outcome.pair,
        f"{body:,.0f}",
        f"{_ask(outcome, Job.UPDATE, _requests):,.0f}",
        f"{patch:,}",
        f"{body / patch:.3f}",
        f"{_TIMES * patch + _MORE:,.0f}",
        f"{middle(rsync, _on_wire) / _ask(outcome, Job.UPDATE, _on_wire):.1f}" if rsync else "-",
    ]


def _solid(outcomes: Sequence[Outcome]) -> str:
    head = ["catalog", "tree", "tar, zstd -19", "bodies", "wire", "ratio", "requests", "seconds", "peak MB"]
    rows = [
        (
            outcome.size,
            outcome.yardsticks.solid,
            _ask(outcome, Job.INSTALL, _body),
            _ask(outcome, Job.INSTALL, _on_wire),
        )
        for outcome in outcomes
    ]
    lines = [
        [
            outcome.pair,
            *_with_ratio(row),
            f"{_ask(outcome, Job.INSTALL, _requests):,.0f}",
            f"{_ask(outcome, Job.INSTALL, lambda sample: sample.cost.wall):.2f}",
            f"{_ask(outcome, Job.INSTALL, lambda sample: sample.cost.memory) / 1e6:.1f}",
        ]
        for outcome, row in zip(outcomes, rows, strict=True)
    ]
    total = _with_ratio([sum(column) for column in zip(*rows, strict=True)])
    lines.append(["**sum**", *(f"**{figure}**" for figure in total), "", "", ""])
    return section(
        "First download",
        "A device that has nothing takes the new version, published with `--effort best`: bodies, and bytes on the "
        "wire in both directions with headers. The ratio is the wire's to the bare length of `tar | zstd -19 "
        "--long=27` of the same tree. Seconds are on loopback, with two starts of Python.",
        grid(head, lines),
    )


def _with_ratio(row: Sequence[float]) -> list[str]:
    _, solid, _, wire = row
    return [*(f"{number:,.0f}" for number in row), f"{wire / solid:.3f}"]


def _first_downloads(outcomes: Sequence[Outcome]) -> str:
    return section(
        "First download by tool",
        "Bytes on the wire, both directions, beside the same compressed tar.",
        by_tool(
            outcomes,
            (Job.INSTALL, LOOPBACK.name),
            _on_wire,
            "{:,.0f}",
            yardsticks=lambda outcome: {"tar, zstd -19": outcome.yardsticks.solid},
            total=True,
        ),
    )


def _ask(outcome: Outcome, job: Job, value: Callable[[Sample], float]) -> float:
    return middle(outcome.select(job)[Catsync.name], value)


def _patch(outcome: Outcome) -> int:
    return outcome.yardsticks.deltas["zstd patch"]


def _body(sample: Sample) -> float:
    return sample.traffic.body


def _on_wire(sample: Sample) -> float:
    return sample.traffic.bytes


def _requests(sample: Sample) -> float:
    return sample.traffic.requests
