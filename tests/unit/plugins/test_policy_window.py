from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
import pytest

from catsync_core import Decision, Question, Verdict
from catsync_plugins.policy_window import WindowSettings, decide_by_hours

pytestmark = pytest.mark.usefixtures("central_europe")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ask(
    settings: WindowSettings,
    now: str,
    *,
    action: Literal["check", "install", "update", "read"] = "update",
    by_user: bool = False,
) -> Verdict:
    return decide_by_hours(Question(action, "shoes", 1, 1, 1, by_user=by_user, now=moment(now)), settings)


def test_what_starts_by_itself_waits_for_the_hours() -> None:
    night = WindowSettings()
    assert ask(night, "2026-11-24T22:00+01:00").decision is Decision.ALLOW
    assert ask(night, "2026-11-24T12:00+01:00") == Verdict(
        Decision.WAIT, "Downloads wait for the hours 20:00-06:00", moment("2026-11-24T20:00+01:00")
    )
    assert ask(night, "2026-11-24T12:00+01:00", action="install").decision is Decision.WAIT


@pytest.mark.parametrize("action", ["check", "read"])
def test_checks_and_reading_are_always_allowed(action: Literal["check", "read"]) -> None:
    assert ask(WindowSettings(), "2026-11-24T12:00+01:00", action=action).decision is Decision.ALLOW


@pytest.mark.parametrize("decision", Decision)
def test_a_person_is_bound_only_if_the_user_wants_that(decision: Decision) -> None:
    noon = "2026-11-24T12:00+01:00"
    assert ask(WindowSettings(), noon, by_user=True).decision is Decision.ALLOW
    assert ask(WindowSettings(by_user=decision), noon, by_user=True).decision is decision
    assert ask(WindowSettings(by_user=decision), "2026-11-24T22:00+01:00", by_user=True).decision is Decision.ALLOW


def test_several_hours() -> None:
    settings = WindowSettings(hours=["12:00-13:00", "20:00-06:00"], days=["mon", "tue"])
    assert ask(settings, "2026-11-24T12:30+01:00").decision is Decision.ALLOW
    assert ask(settings, "2026-11-24T14:00+01:00") == Verdict(
        Decision.WAIT,
        "Downloads wait for the hours 12:00-13:00 or 20:00-06:00 (mon, tue)",
        moment("2026-11-24T20:00+01:00"),
    )
    assert ask(settings, "2026-11-25T07:00+01:00").until == moment("2026-11-30T12:00+01:00")


def test_a_change_of_the_clocks_is_heeded() -> None:
    assert ask(WindowSettings(hours="02:30-06:00"), "2026-03-29T00:00+01:00").until == moment("2026-03-29T03:00+02:00")
    assert ask(WindowSettings(hours="05:00-06:00"), "2026-10-25T00:00+02:00").until == moment("2026-10-25T05:00+01:00")


@pytest.mark.parametrize(
    "table", [{"hours": "8-9"}, {"hours": []}, {"hours": ["08:00-09:00", ""]}, {"days": ["mo"]}, {"by_user": "maybe"}]
)
def test_what_makes_no_sense_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, WindowSettings)
