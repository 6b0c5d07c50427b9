"""Which repositories are to be asked for news now, and when to look again. Pure functions of frozen data.

One request answers for all catalogs of a repository, so it is due as soon as one of them is. Times are those of the
device's clock, which may jump. What is due begins at its own moment within a short window, told by a clock that nobody
can set: so neither a jump, nor a wake-up, nor a start makes everything begin at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

import msgspec

__all__ = ["DAY", "Asked", "CheckPlan", "Watched", "WhyNot", "clock_was_set_back", "plan_checks", "why_not"]

DAY = 24 * 3600.0
"""Seconds."""
WINDOW = 60.0
"""Seconds over which the beginnings of checks are spread."""
LONGEST_NAP = 300.0
"""Seconds after which to look again in any case: clocks jump and users change their mind."""
_LEAST_PAUSE = 60.0  # seconds between two attempts, whatever a schedule says
_LONGEST_PAUSE = 3600.0  # after failures; the built-in schedules wait longer by themselves
_DOUBLINGS = 6  # lead from the one to the other
_CORRECTION = 600.0  # seconds that a time server moves a clock back without the day being another


class WhyNot(StrEnum):
    """Why a catalog has no next check."""

    NO_REPOSITORY = "no_repository"
    ONLINE = "online"
    AUTO_SYNC_OFF = "auto_sync_off"
    NEVER = "never"

    @property
    def sentence(self) -> str:
        """The reason for people."""
        return _SENTENCES[self]


_SENTENCES = {
    WhyNot.NO_REPOSITORY: "No repository on this device offers the catalog any more",
    WhyNot.ONLINE: "The catalog is online, so what is read is always current",
    WhyNot.AUTO_SYNC_OFF: "Auto-sync is off for the catalog",
    WhyNot.NEVER: "Its schedule names no time",
}


class Watched(msgspec.Struct, frozen=True):
    """A catalog on the device.

    Attributes:
        catalog: Id.
        repository: Address of the repository that offers it; None when none does.
        offline: Whether the user wishes it offline.
        auto_sync: Whether it is to be checked by itself.
        next_check: What its schedule says, seconds since 1970; None never.
    """

    catalog: str
    repository: str | None
    offline: bool
    auto_sync: bool
    next_check: float | None


class Asked(msgspec.Struct, frozen=True):
    """When a repository was asked.

    Attributes:
        repository: Its address.
        checked_at: When it last answered, seconds since 1970; 0 for never.
        attempted_at: When it was last asked at all; 0 for never.
        failures: How many attempts failed since it last answered.
    """

    repository: str
    checked_at: float = 0.0
    attempted_at: float = 0.0
    failures: int = 0


class CheckPlan(msgspec.Struct, frozen=True):
    """What to do now, and what to remember for the next plan.

    Attributes:
        ask: Addresses of the repositories to be asked now, the one that waited longest first. Each is named once; it is
            named again when it is still due a minute later.
        wake_in: Seconds after which to plan again; sooner when a check has ended or the user changed something.
        next_checks: When each repository is due that has a catalog to be checked by itself: seconds since 1970.
        starts: When those that are due may begin, on the clock that nobody can set.
    """

    ask: tuple[str, ...] = ()
    wake_in: float = 0.0
    next_checks: Mapping[str, float] = msgspec.field(default_factory=dict)
    starts: Mapping[str, float] = msgspec.field(default_factory=dict)


def plan_checks(
    catalogs: Iterable[Watched],
    repositories: Iterable[Asked],
    *,
    now: float,
    ticks: float,
    offsets: Mapping[str, float],
    previous: CheckPlan | None = None,
    under_way: Collection[str] = (),
) -> CheckPlan:
    """Return which repositories to ask now and when to plan again.

    Args:
        catalogs: All on the device.
        repositories: All on the device.
        now: Seconds since 1970, of the clock that may jump.
        ticks: Seconds of the clock that nobody can set (``time.monotonic``).
        offsets: By address, how many seconds after it became due a repository is asked: such as
            ``WINDOW * seed_of(device, address)``. What is not named begins at once, as for ``--once`` all do.
        previous: The plan before, of the same process.
        under_way: Addresses of repositories that are being asked, or that wait for a free place after they were named.
    """
    next_checks = _find_next_checks(catalogs, {asked.repository: asked for asked in repositories}, now)
    waiting = previous.starts if previous else {}
    ready: list[tuple[float, str]] = []
    starts: dict[str, float] = {}
    waits = [LONGEST_NAP]
    for url, due in next_checks.items():
        if url in under_way:
            starts[url] = ticks + _LEAST_PAUSE  # it may end without being able to note that it was asked
        elif due > now:
            waits.append(due - now)
        else:
            start = waiting.get(url, ticks + offsets.get(url, 0.0))
            if start <= ticks:
                ready.append((start, url))
                start = ticks + _LEAST_PAUSE  # as above
            starts[url] = start
            waits.append(start - ticks)
    return CheckPlan(tuple(url for _, url in sorted(ready)), min(waits), next_checks, starts)


def why_not(catalog: Watched) -> WhyNot | None:
    """Return why a catalog is not checked by itself; None where it is."""
    if catalog.repository is None:
        return WhyNot.NO_REPOSITORY
    if not catalog.offline:
        return WhyNot.ONLINE
    if not catalog.auto_sync:
        return WhyNot.AUTO_SYNC_OFF
    return WhyNot.NEVER if catalog.next_check is None else None


def clock_was_set_back(moment: float, now: float) -> bool:
    """Whether something was noted for a time that has not come yet, so that nobody knows how long ago it was."""
    return moment > now + _CORRECTION


def _find_next_checks(catalogs: Iterable[Watched], repositories: Mapping[str, Asked], now: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for catalog in catalogs:
        url, moment = catalog.repository, catalog.next_check
        if url is None or moment is None or url not in repositories or why_not(catalog):
            continue
        due = _bound(moment, repositories[url], now)
        found[url] = min(due, found.get(url, due))
    return found


def _bound(moment: float, asked: Asked, now: float) -> float:
    """Return when a repository is due by what a schedule says, which may know of neither jumps nor failures."""
    if clock_was_set_back(asked.checked_at, now) and moment > asked.checked_at:
        moment = now  # it counts from a time that has not come yet
    if asked.attempted_at == 0 or clock_was_set_back(asked.attempted_at, now):
        return moment
    pause = min(_LEAST_PAUSE * 2.0 ** min(asked.failures, _DOUBLINGS), _LONGEST_PAUSE)
    return max(moment, asked.attempted_at + pause)
