"""A device with 50 repositories: checks are rare enough, happen, are spread, and never too many at once.

The agent is simulated: it plans, gives what is to be asked to a few workers, and sleeps until the plan or a worker
wakes it. Its clock jumps both ways, the device sleeps, the process is restarted, and the network comes and goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core import LastCheck
from catsync_core.client.schedules import seed_of
from catsync_core.client.timetable import LONGEST_NAP, WINDOW, Asked, CheckPlan, Watched, plan_checks
from catsync_plugins.schedule_daily import DailySettings, next_daily_check

START = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
SPREAD = 0.5 * HOUR
LONGEST_WAIT = 7.5 * HOUR  # between two attempts while there is no connection
WORKERS = 4
DAILY = DailySettings()
REPOSITORIES = 50
CATALOGS = [Watched(f"{number}-{letter}", str(number), offline=True, auto_sync=True, next_check=None)
            for number in range(REPOSITORIES) for letter in "abc"[: 1 + number % 3]]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Some time in which nothing changes. Before it the clock jumps, and the process may be restarted."""

    seconds: float
    clock_jump: float = 0.0
    running: bool = True
    connected: bool = True
    restarted: bool = False


@dataclass(slots=True)
class Device:
    """What is noted about repositories, by the device's clock; and what was asked when, by the true one."""

    identity: str
    duration: float = 2.0  # of a check, in seconds
    true: float = START
    offset: float = 0.0
    asked: dict[str, Asked] = field(default_factory=lambda: {str(n): Asked(str(n)) for n in range(REPOSITORIES)})
    plan: CheckPlan | None = None
    queue: deque[str] = field(default_factory=deque)
    working: dict[str, float] = field(default_factory=dict)
    begun: list[tuple[float, str]] = field(default_factory=list)
    checks: dict[str, list[float]] = field(default_factory=dict)
    most_at_once: int = 0
    seeds: dict[str, float] = field(init=False)
    offsets: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.seeds = {catalog.catalog: seed_of(self.identity, catalog.catalog) for catalog in CATALOGS}
        self.offsets = {url: WINDOW * seed_of(self.identity, url) for url in self.asked}

    def live(self, span: Span) -> None:
        self.offset = max(self.offset + span.clock_jump, DAY - START)  # not before 1970
        end = self.true + span.seconds
        if span.restarted:
            self.plan = None
            self.queue.clear()
            self.working.clear()
        while span.running:
            wake = self._step(connected=span.connected)
            if wake > end:
                break
            self.true = max(wake, self.true + 1e-3)  # no float stands still
        self.true = max(self.true, end)

    def _step(self, *, connected: bool) -> float:
        for url in [url for url, ends in self.working.items() if ends <= self.true]:
            del self.working[url]
            self._note(url, connected=connected)
        now = self.true + self.offset
        self.plan = plan_checks(
            self._watch(now),
            self.asked.values(),
            now=now,
            ticks=self.true,
            offsets=self.offsets,
            previous=self.plan,
            under_way={*self.queue, *self.working},
        )
        self.queue.extend(self.plan.ask)
        while self.queue and len(self.working) < WORKERS:
            url = self.queue.popleft()
            self.working[url] = self.true + self.duration
            self.begun.append((self.true, url))
            assert len(self.begun) < 100_000, "it asks without end"
        self.most_at_once = max(self.most_at_once, len(self.working))
        if not self.working and not self.plan.starts:  # what comes next is told by the clock alone
            return max(self.true + self.plan.wake_in, min(self.plan.next_checks.values()) - self.offset)
        return min([self.true + self.plan.wake_in, *self.working.values()])

    def _watch(self, now: float) -> Iterator[Watched]:
        for catalog in CATALOGS:
            asked = self.asked[str(catalog.repository)]
            seed = self.seeds[catalog.catalog]
            last = LastCheck(catalog.catalog, asked.checked_at, asked.attempted_at, asked.failures, now, seed)
            moment = next_daily_check(last, DAILY)
            yield Watched(catalog.catalog, catalog.repository, offline=True, auto_sync=True, next_check=moment)

    def _note(self, url: str, *, connected: bool) -> None:
        now = self.true + self.offset
        if connected:
            self.asked[url] = Asked(url, now, now)
            self.checks.setdefault(url, []).append(self.true)
        else:
            before = self.asked[url]
            self.asked[url] = Asked(url, before.checked_at, now, before.failures + 1)


seconds = st.floats(1, 1.5 * DAY)
jumps = st.one_of(st.just(0.0), st.floats(-2 * DAY, 2 * DAY), st.floats(-20 * 365 * DAY, 20 * 365 * DAY))
identities = st.text("0123456789abcdef", min_size=8, max_size=8)
spans = st.lists(st.builds(Span, seconds, jumps, st.booleans(), st.booleans(), st.booleans()), max_size=5)
steady = st.lists(st.builds(Span, seconds, st.just(0.0), st.booleans(), st.booleans(), st.booleans()), max_size=5)
few = settings(max_examples=25, deadline=None)


def live(identity: str, history: list[Span]) -> Device:
    device = Device(identity)
    for span in history:
        device.live(span)
    return device


@few
@given(steady, identities)
def test_no_repository_is_asked_twice_in_24_hours(history: list[Span], identity: str) -> None:
    for times in live(identity, history).checks.values():
        assert all(later - earlier >= DAY for earlier, later in pairwise(times))


@few
@given(spans, identities)
def test_a_jump_costs_at_most_one_check_more_and_never_too_many_at_once(history: list[Span], identity: str) -> None:
    device = live(identity, history)
    jumped = sum(span.clock_jump != 0 for span in history)
    for times in device.checks.values():
        assert len(times) <= 1 + (device.true - START) // DAY + jumped
    assert device.most_at_once <= WORKERS


@few
@given(spans, jumps, identities)
def test_every_repository_is_asked_while_the_device_is_on_for_24_hours(
    history: list[Span], jump: float, identity: str
) -> None:
    device = live(identity, history)
    before = {url: len(device.checks.get(url, [])) for url in device.asked}
    failing = any(asked.failures for asked in device.asked.values())
    queueing = REPOSITORIES * device.duration
    device.live(Span(DAY + SPREAD + LONGEST_NAP + WINDOW + queueing + 600 + LONGEST_WAIT * failing, jump))
    assert all(len(device.checks.get(url, [])) > before[url] for url in device.asked)


@few
@given(identities, st.sampled_from(["start", "sleep", "forward", "back"]))
def test_what_is_due_together_is_spread_over_the_window(identity: str, cause: str) -> None:
    device = Device(identity, duration=0.5)
    if cause != "start":
        device.live(Span(HOUR))
        device.begun.clear()
    device.live(Span(3 * DAY if cause == "sleep" else 1.0, running=False))
    device.live(Span(HOUR, {"forward": 400 * DAY, "back": -400 * DAY}.get(cause, 0.0)))
    times = [moment for moment, _ in device.begun]
    assert sorted(url for _, url in device.begun) == sorted(device.asked)
    assert 0.5 * WINDOW < max(times) - min(times) < WINDOW + 5
    # Moments are as good as random, so about a tenth falls into 6 of 60 seconds, and a third once in thousands of
    # devices; all that the workers can do in that time would be nearly all.
    assert max(sum(moment <= other < moment + 6 for other in times) for moment in times) < REPOSITORIES / 2
    assert device.most_at_once <= WORKERS


@few
@given(identities)
def test_a_restart_in_the_middle_asks_only_those_that_were_not_asked(identity: str) -> None:
    device = Device(identity, duration=0.5)
    device.live(Span(WINDOW / 2))
    device.live(Span(HOUR, restarted=True))
    answered = [url for url, times in device.checks.items() for _ in times]
    assert sorted(answered) == sorted(device.asked)


def test_without_offsets_everything_that_is_due_begins_at_once() -> None:
    catalogs = [Watched(str(n), str(n), offline=True, auto_sync=True, next_check=START) for n in range(REPOSITORIES)]
    repositories = [Asked(str(n)) for n in range(REPOSITORIES)]
    assert len(plan_checks(catalogs, repositories, now=START, ticks=0, offsets={}).ask) == REPOSITORIES


moments = st.one_of(st.floats(0, 2 * START), st.floats(-1e300, 1e300))
offline_catalogs = st.builds(
    Watched, st.text(max_size=3), st.none() | st.sampled_from("abcd"), st.booleans(), st.booleans(), st.none() | moments
)
facts = st.builds(Asked, st.sampled_from("abc"), moments, moments, st.integers(0, 10**9))


@given(
    st.lists(offline_catalogs),
    st.lists(facts),
    moments,
    st.floats(0, 1e9),
    st.dictionaries(st.sampled_from("abc"), st.floats(0, WINDOW)),
)
def test_whatever_stands_in_the_state_there_is_a_plan(
    catalogs: list[Watched], repositories: list[Asked], now: float, ticks: float, offsets: dict[str, float]
) -> None:
    plan = plan_checks(catalogs, repositories, now=now, ticks=ticks, offsets=offsets)
    assert 0 <= plan.wake_in <= LONGEST_NAP
    assert len(set(plan.ask)) == len(plan.ask)
    assert set(plan.ask) <= set(plan.starts) <= set(plan.next_checks) <= {asked.repository for asked in repositories}
    again = plan_checks(catalogs, repositories, now=now, ticks=ticks, offsets=offsets, previous=plan)
    assert again.ask == ()
