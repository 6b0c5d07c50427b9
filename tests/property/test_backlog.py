"""However many events come and however slowly they are taken: the order stays, and only what must be is lost."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from catsync_core import Event, ModeChanged, Progress
from catsync_core.client.backlog import Backlog

SIZE = 5
steps = st.tuples(st.sampled_from(["update", "verify"]), st.sampled_from(["shoes", "hats", "boots"]))


class Waiting(RuleBasedStateMachine):
    """A backlog beside a list that does the same by reading it from end to end."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(SIZE)
        self.expected: list[Event] = []
        self.lost = 0
        self.number = 0

    @rule()
    def put_other(self) -> None:
        event = ModeChanged(f"c{self.number}", "offline")
        self.number += 1
        self.backlog.put(event)
        if len(self.expected) == SIZE:
            progress = [waiting for waiting in self.expected if isinstance(waiting, Progress)]
            self.expected.remove(progress[0] if progress else self.expected[0])
            self.lost += not progress
        self.expected.append(event)

    @rule(step=steps)
    def put_progress(self, step: tuple[str, str]) -> None:
        event = Progress(*step, self.number, 0)
        self.number += 1
        self.backlog.put(event)
        kept = [old for old in self.expected if not (isinstance(old, Progress) and (old.job, old.subject) == step)]
        if len(kept) == SIZE:
            progress = [waiting for waiting in kept if isinstance(waiting, Progress)]
            if not progress:
                return
            kept.remove(progress[0])
        self.expected = [*kept, event]

    @precondition(lambda self: self.expected)
    @rule()
    def take(self) -> None:
        assert self.backlog.take() == self.expected.pop(0)

    @invariant()
    def counts_what_is_lost(self) -> None:
        assert self.backlog.lost == self.lost

    def teardown(self) -> None:
        self.backlog.close()
        self.backlog.put(ModeChanged("late", "online"))
        assert take_all(self.backlog) == self.expected


TestWaiting = Waiting.TestCase


def take_all(backlog: Backlog) -> list[Event]:
    return list(iter(backlog.take, None))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 70))
def test_nothing_but_progress_is_lost_within_the_bound(are_progress: list[bool], size: int) -> None:
    backlog = Backlog(size)
    events: list[Event] = [
        Progress("update", "shoes", number, 60) if is_progress else ModeChanged(f"c{number}", "offline")
        for number, is_progress in enumerate(are_progress)
    ]
    for event in events:
        backlog.put(event)
    backlog.close()
    others = [event for event in events if isinstance(event, ModeChanged)]
    taken = take_all(backlog)
    assert [event for event in taken if isinstance(event, ModeChanged)] == others[-size:]
    assert backlog.lost == max(0, len(others) - size)
    progress = [event for event in taken if isinstance(event, Progress)]
    assert len(progress) <= 1
    assert len(taken) <= size


@given(st.integers(1, 4), st.integers(1, 30), st.integers(1, 200))
def test_many_threads_put_while_one_takes(threads: int, each: int, size: int) -> None:
    backlog = Backlog(size)
    taken: list[Event] = []
    taker = threading.Thread(target=lambda: taken.extend(iter(backlog.take, None)))

    def put(name: int) -> None:
        for number in range(each):
            backlog.put(ModeChanged(f"{name}", f"{number}"))

    putters = [threading.Thread(target=put, args=(name,)) for name in range(threads)]
    for thread in (taker, *putters):
        thread.start()
    for thread in putters:
        thread.join()
    backlog.close()
    taker.join()
    assert len(taken) + backlog.lost == threads * each
    for name in range(threads):
        numbers = [int(event.mode) for event in taken if isinstance(event, ModeChanged) and event.catalog == f"{name}"]
        assert numbers == sorted(set(numbers))


@given(st.lists(st.booleans(), max_size=10))
def test_giving_up_counts_what_is_left(are_progress: list[bool]) -> None:
    backlog = Backlog(100)
    for number, is_progress in enumerate(are_progress):
        backlog.put(Progress("update", f"c{number}", 0, 0) if is_progress else ModeChanged(f"c{number}", "online"))
    assert backlog.give_up() == are_progress.count(False)
    assert backlog.take() is None
