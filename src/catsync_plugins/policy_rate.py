"""Policy ``rate``: all transfers together take no more than so many bytes per second, by the hours of the day."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core import Decision, PolicyEntry, Question, Verdict, hookimpl
from catsync_plugins._hours import DAYS, is_open, read_hours
from catsync_plugins._sizes import Size, check_sizes, read_size

__all__ = ["RateSettings", "RateSpan", "catsync_policies", "rate_at"]


class RateSpan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a timetable.

    Attributes:
        hours: When it counts, such as ``08:00-18:00``.
        bytes_per_second: That all transfers together may take then; 0 for any.
        days: On which these hours begin.
    """

    hours: str
    bytes_per_second: Size
    days: list[str] = msgspec.field(default_factory=lambda: list(DAYS))

    def __post_init__(self) -> None:
        read_hours(self.hours, self.days)
        check_sizes(bytes_per_second=self.bytes_per_second)


class RateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[policies.rate]``.

    Attributes:
        bytes_per_second: That all transfers together may take where no line of the timetable counts; 0 for any.
        timetable: The first line that counts at a time has precedence.
    """

    bytes_per_second: Size = 0
    timetable: list[RateSpan] = []

    def __post_init__(self) -> None:
        check_sizes(bytes_per_second=self.bytes_per_second)


def rate_at(now: float, settings: RateSettings) -> int:
    """Return the bytes per second that are allowed at a time; 0 for any."""
    for span in settings.timetable:
        if is_open(read_hours(span.hours, span.days), now):
            return read_size(span.bytes_per_second)
    return read_size(settings.bytes_per_second)


def _allow(_question: Question, _settings: RateSettings) -> Verdict:
    return Verdict(Decision.ALLOW)


@hookimpl
def catsync_policies() -> Sequence[PolicyEntry]:
    """Offer ``rate``."""
    return [PolicyEntry("rate", RateSettings, _allow, max_rate=rate_at)]
