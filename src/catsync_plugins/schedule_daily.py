"""Schedule ``daily``: every catalog is checked once within a day, whenever the device is on.

The function keeps nothing, so it cannot put a check off from now: it would be asked again later and put it off again.
What delays a check counts from the last one; where there is none, or the clock was set back, the check is due at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from catsync_core import LastCheck, ScheduleEntry, hookimpl
from catsync_plugins._attempts import clock_was_set_back, earliest_retry

__all__ = ["DailySettings", "catsync_schedules", "next_daily_check"]


class DailySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[schedules.daily]``.

    Attributes:
        hours: Between two checks of a catalog, at least.
        spread_minutes: So much longer it may be, by device and catalog, so that not all of them ask at once.
    """

    hours: Annotated[float, msgspec.Meta(ge=0.25, le=24 * 366)] = 24.0
    spread_minutes: Annotated[float, msgspec.Meta(ge=0, le=24 * 60)] = 30.0


def next_daily_check(last: LastCheck, settings: DailySettings) -> float:
    """Return when to check next, in seconds since 1970; not after now means at once."""
    due = last.checked_at + settings.hours * 3600 + settings.spread_minutes * 60 * last.seed
    if last.checked_at == 0 or clock_was_set_back(last.checked_at, last.now):
        due = last.now
    return max(due, earliest_retry(last))


@hookimpl
def catsync_schedules() -> Sequence[ScheduleEntry]:
    """Offer ``daily``."""
    return [ScheduleEntry("daily", DailySettings, next_daily_check)]
