from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from catsync_plugins._hours import Hours, is_open, next_opening, read_hours

BERLIN = ZoneInfo("Europe/Berlin")
ALL = frozenset(range(7))


def moment(text: str) -> float:
    """Seconds since 1970 of a time with its offset."""
    return datetime.fromisoformat(text).timestamp()


def opening(hours: str, now: str, *days: str) -> str:
    """The next opening, with its offset."""
    found = next_opening(read_hours(hours, days) if days else read_hours(hours), moment(now), BERLIN)
    assert found is not None
    return datetime.fromtimestamp(found, BERLIN).strftime("%m-%d %H:%M%z")


def open_at(hours: str, now: str, *days: str) -> bool:
    return is_open(read_hours(hours, days) if days else read_hours(hours), moment(now), BERLIN)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("20:00-06:00", Hours(1200, 1800, ALL)),
        ("8:30 - 18:00", Hours(510, 1080, ALL)),
        ("00:00-24:00", Hours(0, 1440, ALL)),
        ("22:00-00:00", Hours(1320, 1440, ALL)),
    ],
)
def test_hours_are_read(text: str, hours: Hours) -> None:
    assert read_hours(text) == hours


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are no hours; write them as in `20:00-06:00`"),
        ("20-6", "are no hours"),
        ("20:00", "are no hours"),
        ("20:60-21:00", "a time that does not exist"),
        ("24:00-06:00", "a time that does not exist"),
        ("20:00-24:01", "a time that does not exist"),
        ("06:00-06:00", "for whole days write `00:00-24:00`"),
    ],
)
def test_what_are_no_hours_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_hours(text)


@pytest.mark.parametrize("days", [[], ["monday"], ["mon", "Tue"]])
def test_what_are_no_days_is_refused(days: list[str]) -> None:
    with pytest.raises(ValueError, match="write days as mon, tue"):
        read_hours("20:00-06:00", days)


def test_hours_over_midnight() -> None:
    assert not open_at("20:00-06:00", "2026-11-24T19:59:59+01:00")
    assert open_at("20:00-06:00", "2026-11-24T20:00:00+01:00")
    assert open_at("20:00-06:00", "2026-11-25T05:59:59+01:00")
    assert not open_at("20:00-06:00", "2026-11-25T06:00:00+01:00")
    assert opening("20:00-06:00", "2026-11-25T06:00+01:00") == "11-25 20:00+0100"
    assert opening("20:00-06:00", "2026-11-25T21:00+01:00") == "11-26 20:00+0100"


def test_days_are_those_on_which_hours_begin() -> None:
    assert open_at("20:00-06:00", "2026-11-28T05:00+01:00", "fri"), "Saturday morning"
    assert not open_at("20:00-06:00", "2026-11-27T05:00+01:00", "fri"), "Friday morning"
    assert opening("20:00-06:00", "2026-11-24T12:00+01:00", "fri") == "11-27 20:00+0100"
    assert opening("20:00-06:00", "2026-11-27T20:00+01:00", "fri") == "12-04 20:00+0100"


def test_whole_days() -> None:
    assert open_at("00:00-24:00", "2026-11-28T23:59:59+01:00", "sat")
    assert not open_at("00:00-24:00", "2026-11-29T00:00+01:00", "sat")


def test_a_night_of_23_hours() -> None:
    assert opening("02:30-06:00", "2026-03-29T00:00+01:00") == "03-29 03:00+0200", "2:30 is left out"
    assert open_at("20:00-02:30", "2026-03-29T01:59:59+01:00")
    assert not open_at("20:00-02:30", "2026-03-29T03:00+02:00")
    assert opening("02:15-02:45", "2026-03-29T00:00+01:00") == "03-30 02:15+0200", "no such hours in that night"


def test_a_night_of_25_hours() -> None:
    assert opening("02:15-02:45", "2026-10-25T00:00+02:00") == "10-25 02:15+0200"
    assert open_at("02:15-02:45", "2026-10-25T02:30+02:00")
    assert not open_at("02:15-02:45", "2026-10-25T02:30+01:00"), "it opens once in a night"
    assert opening("02:15-02:45", "2026-10-25T02:50+02:00") == "10-26 02:15+0100"
    assert open_at("20:00-06:00", "2026-10-25T02:30+01:00"), "in the middle, nothing changes"
    assert not open_at("20:00-02:30", "2026-10-25T02:30+02:00")


def test_hours_that_a_change_of_the_clocks_leaves_out_come_a_week_later() -> None:
    assert opening("02:15-02:45", "2026-03-29T00:00+01:00", "sun") == "04-05 02:15+0200"
    assert opening("02:15-02:45", "2026-03-22T02:20+01:00", "sun") == "04-05 02:15+0200"
