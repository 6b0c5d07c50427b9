from __future__ import annotations

from collections.abc import Callable

import pytest

from catsync_core.errors import (
    AuthorisationError,
    CatsyncError,
    ConflictError,
    DiskFullError,
    LocalError,
    MissingObjectError,
    NoConnectionError,
    ServerError,
    SourceError,
    TrustError,
    UsageError,
)
from catsync_core.publish.publisher import Publication
from catsync_core.publish.scan import ChangedWhilePublishingError
from catsync_core.publish.watch import FIRST_PAUSE, LONGEST_PAUSE, LOOK_EVERY, watch

OFFLINE = NoConnectionError("Nobody answers")
Happening = Callable[[], None]


class EndOfTest(Exception):  # noqa: N818 - no error: how a test leaves a loop that has no end
    """Nothing more happens."""


class World:
    """A folder, a clock and a repository: everything that a watch meets, in the order of a script.

    Args:
        changes: When changes are reported, seconds.
        answers: What each round meets; a round after the last one succeeds.
        until: When the test ends.
    """

    def __init__(
        self, *, changes: tuple[float, ...] = (), answers: tuple[CatsyncError | None, ...] = (), until: float
    ) -> None:
        self.now = 0.0
        self.changes = sorted(changes)
        self.answers = list(answers)
        self.until = until
        self.unreported = False
        self.takes = 0.0
        self.rounds: list[float] = []
        self.failed: list[tuple[CatsyncError, float | None]] = []
        self.published: list[float] = []
        self.followed = 0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        if self.changes and self.changes[0] <= self.now + seconds:
            self.now = max(self.now, self.changes[0])
            self.changes = [change for change in self.changes if change > self.now]
            return True
        self.now += seconds
        if self.now > self.until:
            raise EndOfTest
        return False

    def look(self) -> bool:
        differs, self.unreported = self.unreported, False
        return differs

    def follow(self) -> None:
        self.followed += 1

    def publish(self) -> Publication:
        assert self.followed == len(self.rounds) + 1, "a change during the round would be lost"
        self.rounds.append(self.now)
        self.now += self.takes
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return Publication(1, "shoes", len(self.rounds), True, 1, 1, 1, 1, 0.0)

    def run(self) -> None:
        with pytest.raises(EndOfTest):
            self.watch()

    def watch(self) -> None:
        watch(
            self.publish,
            self,
            settle=2.0,
            on_published=lambda _: self.published.append(self.now),
            on_failed=lambda error, pause: self.failed.append((error, pause)),
            clock=self.clock,
        )


def test_the_first_round_begins_at_once_and_without_changes_there_is_no_other() -> None:
    world = World(until=100_000)
    world.run()
    assert world.rounds == [0.0]


def test_changes_are_published_when_they_have_settled() -> None:
    world = World(changes=(10.0, 10.5, 11.0, 30.0), until=1000)
    world.run()
    assert world.rounds == [0.0, 13.0, 32.0]


def test_changes_that_never_end_are_published_now_and_then() -> None:
    world = World(changes=tuple(float(second) for second in range(1, 101)), until=1000)
    world.run()
    assert world.rounds == [0.0, 21.0, 42.0, 63.0, 84.0, 102.0]


def test_changes_during_a_round_lead_to_another() -> None:
    world = World(changes=(10.0, 13.0, 14.0), until=1000)
    world.takes = 5.0
    world.run()
    assert world.rounds == [0.0, 12.0, 19.0]


def test_a_file_that_changes_while_it_is_published_leads_to_another_round_though_nothing_more_is_reported() -> None:
    busy = ChangedWhilePublishingError("'a' changed while it was being read")
    world = World(changes=(10.0,), answers=(None, busy, busy), until=1000)
    world.run()
    assert world.rounds == [0.0, 12.0, 14.0, 16.0]
    assert world.failed == [(busy, 2.0), (busy, 2.0)]


def test_without_a_connection_it_tries_again_ever_less_often_and_says_so() -> None:
    world = World(changes=(10.0, 60.0), answers=(None, *[OFFLINE] * 9), until=5000)
    world.run()
    pauses = [pause for _, pause in world.failed]
    assert pauses == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert world.rounds[:4] == [0.0, 12.0, 17.0, 27.0]
    assert len(world.rounds) == 11
    assert len(world.published) == 2


def test_after_a_success_the_pauses_are_short_again() -> None:
    world = World(changes=(100.0, 200.0), answers=(None, OFFLINE, OFFLINE, None, OFFLINE), until=1000)
    world.run()
    assert [pause for _, pause in world.failed] == [FIRST_PAUSE, 2 * FIRST_PAUSE, FIRST_PAUSE]
    assert len(world.published) == 3


def test_a_server_that_asks_for_patience_gets_it() -> None:
    world = World(answers=(ServerError("503", retry_after=90.0),), until=1000)
    world.run()
    assert world.rounds == [0.0, 90.0]


@pytest.mark.parametrize("error", [ConflictError("Somebody else"), DiskFullError("No space"), OFFLINE])
def test_what_passes_does_not_end_it(error: CatsyncError) -> None:
    world = World(answers=(error,), until=1000)
    world.run()
    assert world.rounds == [0.0, FIRST_PAUSE]
    assert world.failed == [(error, FIRST_PAUSE)]


@pytest.mark.parametrize(
    "error",
    [
        UsageError("No"),
        AuthorisationError("No"),
        TrustError("No"),
        LocalError("No"),
        MissingObjectError("No repository"),
    ],
)
def test_what_does_not_mend_by_waiting_ends_it(error: CatsyncError) -> None:
    with pytest.raises(type(error)) as caught:
        World(answers=(error,), until=1000).watch()
    assert caught.value is error


def test_a_repository_that_was_there_is_waited_for() -> None:
    gone = MissingObjectError("There is no folder /mnt/catalogs")
    world = World(changes=(10.0,), answers=(None, gone, gone), until=1000)
    world.run()
    assert world.rounds == [0.0, 12.0, 17.0, 27.0]


def test_a_folder_that_cannot_be_published_is_tried_again_when_it_changes_and_not_before() -> None:
    link = SourceError("'a' is a symbolic link")
    world = World(changes=(500.0,), answers=(link,), until=1000)
    world.run()
    assert world.rounds == [0.0, 502.0]
    assert world.failed == [(link, None)]


def test_a_change_that_nobody_reported_is_found_by_looking() -> None:
    world = World(until=1000)
    world.unreported = True
    world.run()
    assert world.rounds == [0.0, LOOK_EVERY + 2.0]
