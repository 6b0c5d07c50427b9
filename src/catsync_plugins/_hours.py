"""Hours of the day, such as ``20:00-06:00``, on the days of a week, in local time. Pure functions.

Each opening is one stretch of time. Where the clocks go back and a time exists twice, its first occurrence opens and
closes; where they go forward and a time does not exist, the moment of the change does. So hours that do not exist in
that night are not opened at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

__all__ = ["DAYS", "Hours", "is_open", "next_opening", "read_hours"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*")
_DAY_MINUTES = 24 * 60
_LOOK_AHEAD = 15  # days: a week, and one more where a change of the clocks leaves the hours out


class Hours(msgspec.Struct, frozen=True):
    """Hours that begin on some days of a week.

    Attributes:
        begin: In minutes since midnight.
        end: Likewise; more than a day's where they end on the next one.
        days: On which they begin; 0 is Monday.
    """

    begin: int
    end: int
    days: frozenset[int]


def read_hours(text: str, days: Sequence[str] = DAYS) -> Hours:
    """Return what hours mean; an end that is not after the beginning is that of the next day.

    Raises:
        ValueError: they mean nothing.
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` are no hours; write them as in `20:00-06:00`")
    begin, end = (60 * int(hour) + int(minute) for hour, minute in (match.group(1, 2), match.group(3, 4)))
    if int(match[2]) > 59 or int(match[4]) > 59 or begin >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise ValueError(f"`{text}` has a time that does not exist")
    if begin == end:
        raise ValueError(f"`{text}` begins when it ends; for whole days write `00:00-24:00`")
    unknown = [day for day in days if day not in DAYS]
    if unknown or not days:
        raise ValueError(f"`{' '.join(unknown)}` is no day; write days as {', '.join(DAYS)}")
    return Hours(begin, end + _DAY_MINUTES * (end < begin), frozenset(DAYS.index(day) for day in days))


def is_open(hours: Hours, now: float, zone: tzinfo | None = None) -> bool:
    """Whether a moment (seconds since 1970) lies in these hours, in a time zone; None for the system's."""
    return any(opens <= now < closes for opens, closes in _openings(hours, now, zone, range(-1, 1)))


def next_opening(hours: Hours, now: float, zone: tzinfo | None = None) -> float | None:
    """Return the first moment after this one at which these hours begin; None where there is none in two weeks."""
    openings = _openings(hours, now, zone, range(_LOOK_AHEAD))
    return next((opens for opens, closes in openings if opens > now), None)


def _openings(hours: Hours, now: float, zone: tzinfo | None, offsets: range) -> Iterator[tuple[float, float]]:
    """The moments of opening and closing on days around a moment, in order."""
    today = datetime.fromtimestamp(now, zone).date()
    for offset in offsets:
        day = today + timedelta(days=offset)
        if day.weekday() in hours.days:
            opens, closes = _moment(day, hours.begin, zone), _moment(day, hours.end, zone)
            if opens < closes:
                yield opens, closes


def _moment(day: date, minutes: int, zone: tzinfo | None) -> float:
    """The first moment at which clocks show so many minutes after a day's midnight, or more."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
    moment = shown.replace(tzinfo=zone).timestamp()
    if _clock(moment, zone) == shown:
        return moment
    before, after = int(shown.replace(tzinfo=zone, fold=1).timestamp()), int(moment)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _clock(middle, zone) < shown else (before, middle)
    return float(after)


def _clock(moment: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)
