"""However many ask for how much and whenever: no more passes than the rate allows, and nothing waits in vain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catsync_core.backends.throttle import BURST, LOOK_AGAIN, Throttle

# In seconds that they take at the rate, which is how often it is asked: a large piece at a low rate takes for ever.
pieces_and_idle = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), min_size=1, max_size=20)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(pieces_and_idle, st.integers(1, 1_000_000))
def test_no_more_passes_than_the_rate_allows_and_no_less(pieces: list[tuple[float, float]], rate: int) -> None:
    clock = Clock()
    throttle = Throttle(lambda: rate, clock=clock)
    passed = 0
    busy_since, passed_before = 0.0, 0
    for seconds, idle in pieces:
        count = round(seconds * rate)
        clock.now += idle
        if idle:
            busy_since, passed_before = clock.now, passed
        turn = throttle.book(count)
        while pause := throttle.pause(turn):
            assert 0 < pause <= LOOK_AGAIN
            clock.now += pause
        passed += count
        assert passed <= rate * (clock.now + BURST) + 1
        took = clock.now - busy_since
        assert took <= (passed - passed_before) / rate + 1e-6, "it waited longer than it had to"


@given(st.lists(st.floats(0, 100), min_size=2, max_size=10), st.integers(1, 10_000))
def test_turns_come_in_the_order_of_booking(seconds: list[float], rate: int) -> None:
    booked = [round(each * rate) for each in seconds]
    clock = Clock()
    throttle = Throttle(lambda: rate, clock=clock)
    turns = [throttle.book(count) for count in booked]
    for position, turn in enumerate(turns):
        while pause := throttle.pause(turn):
            clock.now += pause
        assert abs(clock.now - sum(booked[: position + 1]) / rate) < 1e-6
