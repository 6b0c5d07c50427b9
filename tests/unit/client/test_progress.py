from __future__ import annotations

import pytest

from catsync_core.client import progress
from catsync_core.client.progress import Counter, pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_paced_step_is_told_of_fifty_times_a_second_and_of_its_end(clock: Clock) -> None:
    told: list[tuple[int, int]] = []
    count = Counter(pace(lambda done, total: told.append((done, total))), 0, 10_000)
    for _ in range(10_000):
        clock.now += 0.0001
        count(1)
    assert told[0] == (0, 10_000)
    assert told[-1] == (10_000, 10_000)
    assert 49 <= len(told) <= 52
    assert told == sorted(told)


def test_the_end_is_told_at_once(clock: Clock) -> None:
    told: list[int] = []
    report = pace(lambda done, _: told.append(done))
    report(0, 2)
    report(1, 2)
    assert clock.now == 100.0
    report(2, 2)
    assert told == [0, 2]
