from __future__ import annotations

import msgspec
import pytest

from catsync_core import LastCheck
from catsync_plugins.schedule_daily import DailySettings, next_daily_check

NOW = 1_800_000_000.0
HOUR = 3600.0
DEFAULTS = DailySettings()


def last(
    *, checked: float = 0, attempted: float | None = None, failures: int = 0, now: float = NOW, seed: float = 0
) -> LastCheck:
    return LastCheck("shoes", checked, checked if attempted is None else attempted, failures, now, seed)


def test_never_checked_is_due_at_once() -> None:
    assert next_daily_check(last(seed=0.9), DEFAULTS) == NOW


@pytest.mark.parametrize(("seed", "due"), [(0.0, 24 * HOUR), (0.5, 24.25 * HOUR)])
def test_next_check_is_a_day_and_the_spread_after_the_last(seed: float, due: float) -> None:
    assert next_daily_check(last(checked=NOW - HOUR, seed=seed), DEFAULTS) == NOW - HOUR + due


def test_hours_are_a_setting() -> None:
    assert next_daily_check(last(checked=NOW), DailySettings(hours=6)) == NOW + 6 * HOUR


def test_check_that_was_slept_through_is_due() -> None:
    assert next_daily_check(last(checked=NOW - 72 * HOUR, seed=0.9), DEFAULTS) <= NOW


@pytest.mark.parametrize("years", [1, 50])
def test_check_of_a_time_that_has_not_come_is_due_at_once(years: int) -> None:
    assert next_daily_check(last(checked=NOW + years * 8766 * HOUR), DEFAULTS) == NOW


def test_clock_that_is_corrected_by_a_minute_causes_no_second_check() -> None:
    assert next_daily_check(last(checked=NOW + 60), DEFAULTS) == NOW + 60 + 24 * HOUR


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (7, 320), (8, 360), (9, 360), (10_000, 360)]
)
def test_failures_are_tried_again_later_and_later(failures: int, minutes: float) -> None:
    given = last(checked=NOW - 72 * HOUR, attempted=NOW, failures=failures)
    assert next_daily_check(given, DEFAULTS) == NOW + minutes * 60


def test_wait_after_failures_is_spread_and_never_shorter() -> None:
    given = last(checked=NOW - 72 * HOUR, attempted=NOW, failures=1, seed=0.8)
    assert next_daily_check(given, DEFAULTS) == NOW + 360


def test_failed_check_by_the_user_brings_nothing_forward() -> None:
    given = last(checked=NOW - HOUR, attempted=NOW, failures=1)
    assert next_daily_check(given, DEFAULTS) == NOW + 23 * HOUR


def test_attempt_that_never_ended_counts_as_failed() -> None:
    given = last(checked=NOW - 72 * HOUR, attempted=NOW, failures=0)
    assert next_daily_check(given, DEFAULTS) == NOW + 300


def test_attempt_in_a_time_that_has_not_come_holds_nothing_up() -> None:
    given = last(checked=NOW - 72 * HOUR, attempted=NOW + 8766 * HOUR, failures=8)
    assert next_daily_check(given, DEFAULTS) <= NOW


@pytest.mark.parametrize("table", [{"hours": 0}, {"hours": "often"}, {"spread_minutes": -1}, {"hour": 3}])
def test_settings_that_make_no_sense_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, DailySettings)
