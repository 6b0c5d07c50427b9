from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from catsync_core import LastCheck
from catsync_plugins.schedule_cron import CronSettings, next_cron_check

pytestmark = pytest.mark.usefixtures("central_europe")


def moment(text: str) -> float:
    """Seconds since 1970 of a time with its offset."""
    return datetime.fromisoformat(text).timestamp()


def next_after(at: str, checked: str, *, now: str = "", seed: float = 0, spread: float = 0, failures: int = 0) -> str:
    """The next check as a time in UTC."""
    given = moment(checked)
    last = LastCheck("shoes", given, given, failures, moment(now) if now else given, seed)
    due = next_cron_check(last, CronSettings(at=at, spread_minutes=spread))
    assert due is not None
    return datetime.fromtimestamp(due, tz=datetime.fromisoformat("2026-01-01T00:00Z").tzinfo).strftime("%m-%d %H:%M")


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("0 7 * * *", "11-24 06:00"),
        ("0 7 * * 1-5", "11-24 06:00"),
        ("0 7 * * SAT,sun", "11-28 06:00"),
        ("*/20 9-17/4 * * *", "11-24 08:00"),
        ("30 6 1 JAN *", "01-01 05:30"),
        ("15,45 * * * *", "11-23 23:15"),
        ("0 0 * * 7", "11-28 23:00"),
    ],
)
def test_fields_mean_what_they_mean_to_cron(at: str, due: str) -> None:
    assert next_after(at, "2026-11-24T00:00+01:00") == due  # a Tuesday


def test_a_time_that_does_not_exist_is_made_up_for_right_after_the_gap() -> None:
    assert next_after("30 2 * * *", "2026-03-28T12:00+01:00") == "03-29 01:00"
    assert next_after("30 2 * * *", "2026-03-29T03:00+02:00") == "03-30 00:30"


def test_a_time_that_exists_twice_counts_once() -> None:
    assert next_after("30 2 * * *", "2026-10-24T12:00+02:00") == "10-25 00:30"
    assert next_after("30 2 * * *", "2026-10-25T02:30+02:00") == "10-26 01:30"


def test_a_check_within_the_hour_that_comes_twice_is_not_due_again_at_once() -> None:
    assert next_after("30 2 * * *", "2026-10-25T02:10+01:00") == "10-26 01:30"


def test_every_hour_is_every_hour_also_when_the_clocks_go_back() -> None:
    assert next_after("0 * * * *", "2026-10-25T02:00+02:00") == "10-25 01:00"
    assert next_after("0 * * * *", "2026-10-25T02:00+01:00") == "10-25 02:00"


def test_spread_puts_off_and_skips_nothing() -> None:
    assert next_after("0 7 * * *", "2026-11-24T00:00+01:00", seed=0.5, spread=60) == "11-24 06:30"
    assert next_after("0 7 * * *", "2026-11-24T07:30+01:00", seed=0.5, spread=60) == "11-25 06:30"


def test_check_that_was_slept_through_is_due() -> None:
    due = next_after("0 7 * * *", "2026-11-20T07:00+01:00", now="2026-11-24T12:00+01:00")
    assert due == "11-21 06:00"


def test_failures_are_tried_again_before_the_next_time() -> None:
    given = moment("2026-11-24T07:00+01:00")
    last = LastCheck("shoes", given - 86400, given, 1, given, 0.0)
    assert next_cron_check(last, CronSettings()) == given + 300


@pytest.mark.parametrize("checked", [0.0, 4e9])
def test_never_checked_or_in_a_time_that_has_not_come_is_due_at_once(checked: float) -> None:
    now = moment("2026-11-24T12:00+01:00")
    assert next_cron_check(LastCheck("shoes", checked, checked, 0, now, 0.5), CronSettings()) == now


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("every day", "five fields"),
        ("0 0 7 * * *", "five fields"),
        ("61 7 * * *", "Bad minute"),
        ("0 7 * * MO", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 5 * 1#1,*#2", "Bad day-of-week"),
    ],
)
def test_lines_that_mean_nothing_are_refused_with_the_reason(at: str, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"at": at}, CronSettings)
