from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from catsync_core import Decision, Question
from catsync_plugins.policy_rate import RateSettings, catsync_policies, rate_at

TABLE = {
    "bytes_per_second": "10 MB",
    "timetable": [
        {"hours": "08:00-18:00", "bytes_per_second": "500 kB", "days": ["mon", "tue"]},
        {"hours": "06:00-20:00", "bytes_per_second": 2_000_000},
        {"hours": "20:00-24:00", "bytes_per_second": 0},
    ],
}


@pytest.mark.parametrize(
    ("now", "rate"),
    [
        ("2026-11-24T12:00", 500_000),  # a Tuesday: the first line counts
        ("2026-11-25T12:00", 2_000_000),
        ("2026-11-24T19:00", 2_000_000),
        ("2026-11-24T21:00", 0),
        ("2026-11-24T03:00", 10_000_000),
    ],
)
def test_the_first_line_that_counts_has_precedence(now: str, rate: int) -> None:
    local = datetime.fromisoformat(now).timestamp()
    assert rate_at(local, msgspec.convert(TABLE, RateSettings)) == rate


def test_without_settings_any_rate_is_allowed() -> None:
    assert rate_at(1_800_000_000, RateSettings()) == 0


def test_it_has_nothing_against_anything() -> None:
    entry = catsync_policies()[0]
    question = Question("update", "shoes", 10**12, 0, 0, by_user=False, now=1_800_000_000)
    assert entry.decide(question, entry.settings()).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"bytes_per_second": "fast"}, "`bytes_per_second`: `fast` is no size"),
        ({"bytes_per_second": -1}, "Expected `int` >= 0"),
        ({"timetable": [{"hours": "8-9", "bytes_per_second": 1}]}, "are no hours"),
        ({"timetable": [{"hours": "08:00-09:00"}]}, "missing required field `bytes_per_second`"),
        ({"timetable": [{"hours": "08:00-09:00", "bytes_per_second": 1, "days": ["x"]}]}, "`x` is no day"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(table, RateSettings)
