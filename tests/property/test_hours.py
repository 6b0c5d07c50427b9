"""Whatever the hours, the days and the zone: the next opening is the first moment at which they begin."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from catsync_plugins._hours import DAYS, Hours, is_open, next_opening, read_hours

# half an hour forth and back; changes at midnight; none at all; one at the other end of the year
ZONES = [
    ZoneInfo(name) for name in ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "UTC", "Pacific/Auckland")
]
QUARTER = 900

quarters = st.integers(0, 95)
days = st.sets(st.sampled_from(DAYS), min_size=1)
near_a_change = st.builds(
    lambda change, hours: change + hours * QUARTER,
    st.sampled_from([1_774_746_000, 1_792_890_000, 1_791_037_800, 1_775_314_800, 1_772_946_000, 1_793_509_200]),
    st.integers(-200, 200),
)
any_time = st.integers(1_767_225_600 // QUARTER, 1_800_000_000 // QUARTER).map(lambda number: number * QUARTER)
moments = st.one_of(near_a_change, any_time)


def write(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    begin = draw(quarters)
    end = draw(quarters.filter(lambda quarter: quarter != begin))
    return read_hours(f"{write(begin)}-{write(end)}", sorted(draw(days)))


@given(hours(), moments, st.sampled_from(ZONES))
def test_the_next_opening_is_the_first(window: Hours, now: int, zone: ZoneInfo) -> None:
    opens = next_opening(window, now, zone)
    assert opens is not None
    assert opens > now
    assert is_open(window, opens, zone)
    assert opens % QUARTER == 0
    previous = is_open(window, now, zone)
    for moment in range(now + QUARTER, int(opens), QUARTER):  # nothing opens before
        opened = is_open(window, moment, zone)
        assert previous or not opened
        previous = opened


@given(hours(), moments, st.sampled_from(ZONES))
def test_hours_are_open_when_the_clock_shows_them(window: Hours, now: int, zone: ZoneInfo) -> None:
    local = datetime.fromtimestamp(now, zone)
    changes = {datetime.fromtimestamp(now + offset * 3600, zone).utcoffset() for offset in range(-30, 31)}
    if len(changes) > 1:
        return  # the examples in the unit tests say what is right there
    minute = local.hour * 60 + local.minute
    today = local.weekday() in window.days and window.begin <= minute < window.end
    yesterday = (local.weekday() - 1) % 7 in window.days and minute + 24 * 60 < window.end
    assert is_open(window, now, zone) == (today or yesterday)
