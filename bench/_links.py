"""Wall time over links with a rate and a round trip, by catalog and tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench._bars import bar_chart
from bench._page import Part, picture
from bench._race import Job
from bench._table import by_tool, colours, middle, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench._race import Outcome, Sample
    from bench._shape import Profile

__all__ = ["compare_links"]


def compare_links(outcomes: Sequence[Outcome], profiles: Sequence[Profile]) -> Part:
    """Present what updates, first downloads and checks take over each link."""
    sections = [_introduce(outcomes), *(_present(outcomes, profile) for profile in profiles)]
    return Part(
        "\n\n".join(sections), {f"time-{profile.name}": _draw_updates(outcomes, profile) for profile in profiles}
    )


def _introduce(outcomes: Sequence[Outcome]) -> str:
    left_out = " and ".join(tool.name for tool in outcomes[0].tools if not tool.crosses_links)
    return section(
        "Over a network",
        "The same jobs through a relay that gives each direction a rate and a delay, the same for all tools. Seconds "
        "of wall time, from the start of the process to its end. A new connection waits a round trip for its "
        "handshake, and parallel connections share the rate. TCP's slow start, losses, TLS and the bytes of TCP/IP "
        "headers are not modelled: real links are slower, most of all for those who open many connections. First "
        "downloads are of one run.",
        left_out
        and f"{left_out} is left out here: casync asks for one chunk after the other, so that each of the many "
        "requests that smaller chunks make, in the table above, costs a round trip.",
    )


def _present(outcomes: Sequence[Outcome], profile: Profile) -> str:
    name = f"{profile.name} link ({profile.rate / 1e6:g} Mbit/s, {profile.round_trip * 1e3:g} ms)"
    shows = f"Seconds of an update over the {name}, by catalog and tool"
    return "\n\n".join(
        [
            section(
                f"Update over the {name}",
                picture(f"time-{profile.name}", shows),
                _seconds(outcomes, Job.UPDATE, profile),
            ),
            section(f"First download over the {name}", _seconds(outcomes, Job.INSTALL, profile)),
            section(f"Check over the {name}, when nothing is new", _seconds(outcomes, Job.CHECK, profile)),
        ]
    )


def _seconds(outcomes: Sequence[Outcome], job: Job, profile: Profile) -> str:
    return by_tool(outcomes, (job, profile.name), _wall, "{:.2f}", total=True)


def _draw_updates(outcomes: Sequence[Outcome], profile: Profile) -> str:
    groups = {
        outcome.pair: {
            tool: middle(samples, _wall) for tool, samples in outcome.select(Job.UPDATE, profile.name).items()
        }
        for outcome in outcomes
    }
    title = f"Seconds of an update over the {profile.name} link, logarithmic"
    return bar_chart(title, "s", groups, colours(outcomes))


def _wall(sample: Sample) -> float:
    return sample.cost.wall
