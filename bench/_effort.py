"""What a publisher's effort buys: seconds of publishing against bytes of an update and of a first download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench._catsync import Catsync, CatsyncDefault, CatsyncFast
from bench._lines import line_chart
from bench._page import Part, picture
from bench._race import Job
from bench._svg import PALETTE, linear_axis, log_axis
from bench._table import grid, section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench._measure import Cost
    from bench._race import Outcome

__all__ = ["EFFORTS", "present_efforts"]

EFFORTS: tuple[type[Catsync], ...] = (CatsyncFast, CatsyncDefault, Catsync)
"""catsync at each effort, the least first."""


def present_efforts(outcomes: Sequence[Outcome]) -> Part:
    """Present a race of `EFFORTS`."""
    head = [
        "catalog",
        "effort",
        "publish, s",
        "CPU, s",
        "changed MB per CPU s",
        "peak MB",
        "update",
        "of zstd patch",
        "first download",
        "of tar, zstd -19",
    ]
    text = section(
        "Publishing effort",
        "What the publisher runs for the new version at each `--effort`, and the bodies that devices then get. The "
        "speed is the bytes of files that changed, by the CPU seconds of the whole command: its start, the packs and "
        "the proving of every patch are in it. Updates are set against the zstd patch of the two tars, first downloads "
        "against the tar compressed by `zstd -19 --long=27`. Figures are of one run.",
        picture("effort-update", "Size of an update against seconds of publishing, for three efforts"),
        picture("effort-install", "Size of a first download against seconds of publishing, for three efforts"),
        grid(head, [_line(outcome, tool) for outcome in outcomes for tool in EFFORTS]),
    )
    return Part(
        text,
        {
            "effort-update": _draw("An update, as a multiple of the zstd patch of the tars", outcomes, _update_ratio),
            "effort-install": _draw(
                "A first download, as a multiple of the tar compressed by zstd -19", outcomes, _install_ratio
            ),
        },
    )


def _line(outcome: Outcome, tool: type[Catsync]) -> list[str]:
    cost = _cost(outcome, tool)
    return [
        outcome.pair,
        tool.effort,
        f"{cost.wall:.2f}",
        f"{cost.cpu:.2f}",
        f"{outcome.changed / 1e6 / cost.cpu:.1f}",
        f"{cost.memory / 1e6:.0f}",
        f"{_body(outcome, tool, Job.UPDATE):,}",
        f"{_update_ratio(outcome, tool):.3f}",
        f"{_body(outcome, tool, Job.INSTALL):,}",
        f"{_install_ratio(outcome, tool):.3f}",
    ]


def _draw(title: str, outcomes: Sequence[Outcome], ratio: Callable[[Outcome, type[Catsync]], float]) -> str:
    lines = {
        outcome.pair: [(_cost(outcome, tool).wall, ratio(outcome, tool)) for tool in EFFORTS] for outcome in outcomes
    }
    points = [point for line in lines.values() for point in line]
    axes = log_axis("s", (x for x, _ in points)), linear_axis("", (y for _, y in points), start=1.0)
    hues = dict(zip(lines, PALETTE, strict=False))
    efforts = [tool.effort for tool in EFFORTS]
    return line_chart(title, "seconds of publishing, logarithmic", axes, lines, hues, marks=efforts)


def _cost(outcome: Outcome, tool: type[Catsync]) -> Cost:
    return outcome.select(Job.PUBLISH)[tool.name][0].cost


def _body(outcome: Outcome, tool: type[Catsync], job: Job) -> int:
    return outcome.select(job)[tool.name][0].traffic.body


def _update_ratio(outcome: Outcome, tool: type[Catsync]) -> float:
    return _body(outcome, tool, Job.UPDATE) / outcome.yardsticks.deltas["zstd patch"]


def _install_ratio(outcome: Outcome, tool: type[Catsync]) -> float:
    return _body(outcome, tool, Job.INSTALL) / outcome.yardsticks.solid
