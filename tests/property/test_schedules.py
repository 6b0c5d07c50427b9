"""Whatever happens to clock, power and connection, schedules ask at most once in a period and at least once.

A device is simulated as the agent runs it: it sleeps until the next check is due and asks then. The clock that the
schedule sees is the true time plus an offset that jumps both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catsync_core import LastCheck
from catsync_plugins.schedule_cron import CronSettings, next_cron_check
from catsync_plugins.schedule_daily import DailySettings, next_daily_check

START = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
SPREAD = 0.5 * HOUR
LONGEST_WAIT = 7.5 * HOUR  # between two attempts while there is no connection


@dataclass(frozen=True, slots=True)
class Span:
    """Some time in which nothing changes; before it, the clock jumps."""

    seconds: float
    clock_jump: float = 0.0
    running: bool = True
    connected: bool = True


@dataclass(slots=True)
class Device:
    """What is noted about a repository, by the device's clock; and what was asked when, by the true one."""

    next_check: Callable[[LastCheck, Any], float | None]
    settings: object
    seed: float
    true: float = START
    offset: float = 0.0
    checked_at: float = 0.0
    attempted_at: float = 0.0
    failures: int = 0
    checks: list[float] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)

    def live(self, span: Span) -> None:
        self.offset = max(self.offset + span.clock_jump, DAY - START)  # not before 1970
        end = self.true + span.seconds
        while span.running and (due := self._due()) <= end:
            self.true = max(self.true, due)
            self._ask(span.connected)
        self.true = end

    def _due(self) -> float:
        now = self.true + self.offset
        due = self.next_check(
            LastCheck("shoes", self.checked_at, self.attempted_at, self.failures, now, self.seed), self.settings
        )
        assert due is not None
        return due - self.offset

    def _ask(self, connected: bool) -> None:  # noqa: FBT001 - a fact, not a switch
        self.attempted_at = self.true + self.offset
        self.attempts.append(self.true)
        assert len(self.attempts) < 10_000, "it asks without end"
        if connected:
            self.checked_at, self.failures = self.attempted_at, 0
            self.checks.append(self.true)
        else:
            self.failures += 1


seconds = st.floats(1, 10 * DAY)
jumps = st.one_of(st.just(0.0), st.floats(-2 * DAY, 2 * DAY), st.floats(-20 * 365 * DAY, 20 * 365 * DAY))
seeds = st.floats(0, 1, exclude_max=True)
spans = st.lists(st.builds(Span, seconds, jumps, st.booleans(), st.booleans()), max_size=12)
steady = st.lists(st.builds(Span, seconds, st.just(0.0), st.booleans(), st.booleans()), max_size=12)


@given(steady, seeds)
def test_daily_asks_at_most_once_in_24_hours(history: list[Span], seed: float) -> None:
    device = Device(next_daily_check, DailySettings(), seed)
    for span in history:
        device.live(span)
    assert all(later - earlier >= DAY for earlier, later in zip(device.checks, device.checks[1:], strict=False))


@given(spans, seeds)
def test_a_jump_of_the_clock_costs_daily_at_most_one_check_more(history: list[Span], seed: float) -> None:
    device = Device(next_daily_check, DailySettings(), seed)
    for span in history:
        device.live(span)
    jumped = sum(span.clock_jump != 0 for span in history)
    assert len(device.checks) <= 1 + (device.true - START) // DAY + jumped


@given(spans, jumps, seeds)
def test_daily_asks_at_least_once_while_the_device_is_on_for_24_hours(
    history: list[Span], jump: float, seed: float
) -> None:
    device = Device(next_daily_check, DailySettings(), seed)
    for span in history:
        device.live(span)
    asked = len(device.checks)
    device.live(Span(DAY + SPREAD + 600 + LONGEST_WAIT * (device.failures > 0), jump))
    assert len(device.checks) > asked


@given(spans, seeds)
def test_attempts_without_a_connection_become_rare(history: list[Span], seed: float) -> None:
    device = Device(next_daily_check, DailySettings(), seed)
    for span in history:
        device.live(span)
    device.live(Span(5 * DAY, connected=False))
    tried = len(device.attempts)
    device.live(Span(5 * DAY, connected=False))
    assert len(device.attempts) - tried <= 5 * 4 + 1
    pauses = [
        later - earlier for earlier, later in zip(device.attempts[tried:], device.attempts[tried + 1 :], strict=False)
    ]
    assert all(6 * HOUR - 1 <= pause <= LONGEST_WAIT + 1 for pause in pauses)


@given(spans, jumps, seeds, st.sampled_from(["0 7 * * *", "30 2 * * *", "*/10 * * * *", "0 */6 * * *", "0 12 * * 1-5"]))
def test_cron_asks_at_least_once_for_each_time_and_never_without_end(
    history: list[Span], jump: float, seed: float, at: str
) -> None:
    device = Device(next_cron_check, CronSettings(at=at), seed)
    for span in history:
        span = Span(min(span.seconds, DAY), span.clock_jump, span.running, span.connected)  # noqa: PLW2901 - shorter
        device.live(span)
    asked = len(device.checks)
    device.live(Span(3 * DAY + HOUR + 1200 + LONGEST_WAIT, jump))
    assert len(device.checks) > asked
    assert all(later > earlier for earlier, later in zip(device.checks, device.checks[1:], strict=False))
