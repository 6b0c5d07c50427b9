"""Schedule ``cron``: catalogs are checked at the times that a line of five fields names, in local time.

Where the clocks go forward and a named time does not exist, the check comes right after the gap; where they go back and
it exists twice, only the first counts, as in Debian's cron. A time that passed while the device was off is made up for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import msgspec

from catsync_core import LastCheck, ScheduleEntry, hookimpl
from catsync_plugins._attempts import clock_was_set_back, earliest_retry

__all__ = ["CronSettings", "catsync_schedules", "next_cron_check"]

_FIELDS = "minute hour day month weekday"
_SOME_TIME = 1_000_000_000.0  # in 2001; any would do


class CronSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[schedules.cron]``.

    Attributes:
        at: Minute, hour, day, month and weekday: numbers, ``*``, lists, ranges, steps, English names of three letters.
        spread_minutes: So much later a check may be, by device and catalog, so that not all of them ask at once.
    """

    at: str = "0 7 * * *"
    spread_minutes: Annotated[float, msgspec.Meta(ge=0, le=24 * 60)] = 10.0

    def __post_init__(self) -> None:
        if len(self.at.split()) != len(_FIELDS.split()):
            raise ValueError(f"`at` must have the five fields `{_FIELDS}`, such as `0 7 * * 1-5`, not `{self.at}`")
        try:
            first = _next_match(self.at, _SOME_TIME)
        except ValueError as error:
            raise ValueError(f"`at` names no times: `{self.at}` ({error})") from error
        if first is None:
            raise ValueError(f"`at` names a time that never comes: `{self.at}`")


class _LocalTime(tzinfo):
    """The system's time zone; the standard library has it only as offsets that hold for one moment."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        del moment
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        seconds = moment.replace(tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(seconds).replace(tzinfo=self)  # noqa: DTZ006 - only so it says which of two hours


_LOCAL = _LocalTime()


def next_cron_check(last: LastCheck, settings: CronSettings) -> float | None:
    """Return when to check next, in seconds since 1970; not after now means at once."""
    if last.checked_at == 0 or clock_was_set_back(last.checked_at, last.now):
        return max(last.now, earliest_retry(last))
    match = _next_match(settings.at, last.checked_at)
    if match is None:
        return None
    return max(match + settings.spread_minutes * 60 * last.seed, earliest_retry(last))


def _next_match(at: str, after: float) -> float | None:
    """The first time after a moment that the line names; None where there is none in 50 years.

    Raises:
        ValueError: the line means nothing.
    """
    import cronsim  # noqa: PLC0415 - most devices keep to `daily`

    try:
        for match in cronsim.CronSim(at, datetime.fromtimestamp(after, _LOCAL)):
            if match.timestamp() > after:  # in the hour that comes twice, the first time may lie before
                return match.timestamp()
    except cronsim.CronSimError as error:
        raise ValueError(str(error)) from error
    return None


@hookimpl
def catsync_schedules() -> Sequence[ScheduleEntry]:
    """Offer ``cron``."""
    return [ScheduleEntry("cron", CronSettings, next_cron_check)]
