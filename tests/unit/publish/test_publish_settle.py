from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsync_core.publish.settle import LONGEST, Settling

SETTLE = 2.0
LEAST = 1e-6  # for what is added in another order


def rounds(changes: list[float], settle: float = SETTLE, duration: float = 0.0) -> list[float]:
    """Return when rounds begin, if each takes that long and changes are seen when they happen or when it has ended."""
    settling, begun, free = Settling(settle), [], 0.0
    for change in [*sorted(changes), float("inf")]:
        while settling.due is not None and max(settling.due, free) <= change:
            begun.append(max(settling.due, free))
            free = begun[-1] + duration
            settling = settling.begun()
        if change < float("inf"):
            settling = settling.changed(change)
    assert settling.due is None
    return begun


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        ([], []),
        ([1.0], [3.0]),
        ([1.0, 2.0, 3.5], [5.5]),
        ([1.0, 3.5], [3.0, 5.5]),
        ([float(second) for second in range(26)], [20.0, 27.0]),
    ],
    ids=["nothing", "one", "near ones", "far ones", "one every second"],
)
def test_a_round_is_due_when_changes_pause_and_in_the_end(changes: list[float], published: list[float]) -> None:
    assert rounds(changes) == published


def test_1_000_changes_in_10_s_are_one_round() -> None:
    assert rounds([number / 100 for number in range(1000)]) == [pytest.approx(9.99 + SETTLE)]


@given(
    st.lists(st.floats(0, 300), max_size=200),
    st.floats(0.01, 30),
    st.floats(0, 30),
)
def test_every_change_is_published_and_none_waits_longer_than_it_may(
    changes: list[float], settle: float, duration: float
) -> None:
    begun = rounds(changes, settle, duration)
    for change in changes:
        following = [moment for moment in begun if moment >= change]
        assert following, "a change is lost"
        assert following[0] - change <= LONGEST * settle + duration + LEAST
    for before, moment in pairwise([0.0, *begun]):
        waiting = [change for change in changes if before <= change < moment]
        assert waiting, "nothing had changed"
        settled = moment - max(waiting) >= settle - LEAST
        assert settled or moment - min(waiting) >= LONGEST * settle - LEAST


def test_a_round_that_failed_is_due_again_after_the_pause_whatever_changes() -> None:
    failed = Settling(SETTLE).changed(0.0).begun().held(10.0, 5.0)
    assert failed.due == 15.0
    assert failed.changed(12.0).due == 15.0
    assert failed.changed(14.0).due == 16.0
    assert failed.changed(14.0).changed(29.0).due == 30.0
    assert failed.begun().due is None


def test_the_pause_until_the_next_round_is_never_negative() -> None:
    assert Settling(SETTLE).pause(5.0) is None
    assert Settling(SETTLE).changed(5.0).pause(6.5) == 0.5
    assert Settling(SETTLE).changed(5.0).pause(99.0) == 0.0
