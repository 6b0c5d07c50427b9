from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

import pytest

from catsync_core.backends.protocol import Reply
from catsync_core.backends.retry import RetryingBackend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.errors import (
    CancelledError,
    ConflictError,
    IntegrityError,
    MissingObjectError,
    NoConnectionError,
    ServerError,
)
from catsync_core.testing.conformance import BackendConformance
from catsync_core.testing.faults import FaultyBackend, Reset, Status, Truncate
from catsync_core.testing.memory import MemoryBackend

BODY = bytes(range(256)) * 1000
TRY_AGAIN = Status(503)


class Clock(threading.Event):
    """Time that passes only in pauses, which it records; it is the cancellation as well."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        self.now += timeout
        return self.is_set()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faulty() -> FaultyBackend:
    return FaultyBackend(MemoryBackend({"a": BODY, "index.json": b"old"}, piece=10_000))


@pytest.fixture
def backend(faulty: FaultyBackend, clock: Clock) -> RetryingBackend:
    return retrying(faulty, clock)


def retrying(inner: BackendWrapper, clock: Clock, *, deadline: float = 300.0) -> RetryingBackend:
    return RetryingBackend(inner, deadline=deadline, cancelled=clock, clock=clock, jitter=lambda: 1.0)


class TestRetryingBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> RetryingBackend:
        return RetryingBackend(MemoryBackend())


def test_it_tries_until_it_succeeds(faulty: FaultyBackend, backend: RetryingBackend, clock: Clock) -> None:
    faulty.plan.add(TRY_AGAIN, times=4)
    assert backend.get("a", max_length=len(BODY)).body == BODY
    assert len(faulty.calls) == 5
    assert clock.pauses == [0.25, 0.5, 1.0, 2.0]


def test_it_gives_up_after_all_attempts(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    faulty.plan.add(TRY_AGAIN, times=math.inf)
    with pytest.raises(ServerError, match=r"503 for a \(after 5 attempts\)"):
        backend.get("a", max_length=len(BODY))
    assert len(faulty.calls) == 5


def test_pauses_are_drawn_evenly_up_to_a_bound(faulty: FaultyBackend, clock: Clock) -> None:
    backend = RetryingBackend(faulty, attempts=12, deadline=1e9, cancelled=clock, clock=clock, jitter=lambda: 0.5)
    faulty.plan.add(TRY_AGAIN, times=math.inf)
    with pytest.raises(ServerError):
        backend.get("a", max_length=len(BODY))
    assert clock.pauses[:3] == [0.125, 0.25, 0.5]
    assert clock.pauses[-1] == 15.0


@pytest.mark.parametrize(("status", "error"), [(404, MissingObjectError), (403, Exception), (400, Exception)])
def test_lasting_failures_are_not_repeated(
    faulty: FaultyBackend, backend: RetryingBackend, clock: Clock, status: int, error: type[Exception]
) -> None:
    faulty.plan.add(Status(status), times=math.inf)
    with pytest.raises(error) as caught:
        backend.get("a", max_length=len(BODY))
    assert "attempt" not in str(caught.value)
    assert (len(faulty.calls), clock.pauses) == (1, [])


def test_wrong_content_is_not_repeated(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    with pytest.raises(IntegrityError):
        list(backend.read("a", len(BODY), 1))
    assert len(faulty.calls) == 1


def test_the_server_says_how_long_to_wait(faulty: FaultyBackend, backend: RetryingBackend, clock: Clock) -> None:
    faulty.plan.add(Status(503, retry_after="7"))
    backend.get("a", max_length=len(BODY))
    assert clock.pauses == [7.0]


def test_a_longer_wait_than_the_deadline_is_not_waited(
    faulty: FaultyBackend, backend: RetryingBackend, clock: Clock
) -> None:
    faulty.plan.add(Status(503, retry_after="301"))
    with pytest.raises(ServerError, match="after 1 attempt") as caught:
        backend.get("a", max_length=len(BODY))
    assert caught.value.retry_after == 301.0
    assert clock.pauses == []


def test_no_attempt_begins_after_the_deadline(faulty: FaultyBackend, clock: Clock) -> None:
    faulty.plan.add(TRY_AGAIN, times=math.inf)
    with pytest.raises(ServerError, match="after 3 attempts"):
        retrying(faulty, clock, deadline=1.0).get("a", max_length=len(BODY))
    assert clock.pauses == [0.25, 0.5]


def test_read_goes_on_behind_what_it_yielded(
    faulty: FaultyBackend, backend: RetryingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    inner = faulty.inner

    class Recorder(BackendWrapper):
        def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
            asked.append((offset, length))
            return super().read(key, offset, length)

    faulty.inner = Recorder(inner)
    faulty.plan.add(Truncate(after=12_345))
    faulty.plan.add(TRY_AGAIN)
    faulty.plan.add(Reset(after=1))
    assert b"".join(backend.read("a", 100, 50_000)) == BODY[100:50_100]
    assert asked == [(100, 50_000), (12_445, 37_655), (12_445, 37_655), (12_446, 37_654)]


def test_each_byte_comes_once_wherever_it_breaks() -> None:
    for cut in range(1, 300, 7):
        faulty = FaultyBackend(MemoryBackend({"a": BODY}, piece=64))
        faulty.plan.add(Truncate(after=cut), times=3)
        pieces = list(retrying(faulty, Clock()).read("a", 3, 1000))
        assert b"".join(pieces) == BODY[3:1003]


def test_a_read_that_makes_progress_is_never_given_up(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    faulty.plan.add(Truncate(after=70_000), times=3)
    faulty.plan.add(TRY_AGAIN, times=3)
    assert b"".join(backend.read("a", 0, len(BODY))) == BODY
    assert len(faulty.calls) == 7


def test_a_read_that_makes_next_to_none_is(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    faulty.plan.add(Truncate(after=100), times=math.inf)
    with pytest.raises(NoConnectionError, match="after 5 attempts"):
        list(backend.read("a", 0, len(BODY)))


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_backend_that_sends_another_length_is_caught(extra: int) -> None:
    class Liar(MemoryBackend):
        def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
            yield bytes(length + extra)

    with pytest.raises(IntegrityError, match="did not send the 10 bytes"):
        list(RetryingBackend(Liar()).read("a", 0, 10))


def test_slow_drops_are_a_stall(clock: Clock) -> None:
    class Slow(MemoryBackend):
        calls = 0

        def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
            self.calls += 1
            for piece in super().read(key, offset, length):
                clock.now += 1.0
                yield piece

    slow = Slow({"a": BODY}, piece=1000)
    with pytest.raises(NoConnectionError, match="stalled: 30000 bytes in 30 seconds"):
        list(retrying(BackendWrapper(slow), clock, deadline=20.0).read("a", 0, len(BODY)))
    assert slow.calls == 1
    fast = Slow({"a": BODY}, piece=1025)
    assert b"".join(retrying(BackendWrapper(fast), clock, deadline=20.0).read("a", 0, len(BODY))) == BODY


def test_a_slow_reader_is_no_stall(backend: RetryingBackend, clock: Clock) -> None:
    received = 0
    for piece in backend.read("a", 0, len(BODY)):
        received += len(piece)
        clock.now += 3600.0
    assert received == len(BODY)


def test_cancelling_ends_a_pause_at_once(faulty: FaultyBackend) -> None:
    cancelled = threading.Event()
    faulty.plan.add(Status(503, retry_after="60"), times=math.inf)
    backend = RetryingBackend(faulty, cancelled=cancelled)
    errors: list[BaseException] = []

    def get() -> None:
        try:
            backend.get("a", max_length=len(BODY))
        except CancelledError as error:
            errors.append(error)

    thread = threading.Thread(target=get)
    thread.start()
    while not faulty.calls:
        time.sleep(0.001)
    cancelled.set()
    thread.join(10)
    assert len(errors) == 1
    assert len(faulty.calls) == 1


def test_cancelling_ends_a_read_between_pieces(backend: RetryingBackend, clock: Clock) -> None:
    pieces = backend.read("a", 0, len(BODY))
    next(pieces)
    clock.set()
    with pytest.raises(CancelledError):
        next(pieces)
    with pytest.raises(CancelledError):
        backend.get("a", max_length=len(BODY))


def etag_of(backend: RetryingBackend, key: str = "index.json") -> str | None:
    return backend.get(key, max_length=100).etag


def test_a_swap_whose_answer_got_lost_succeeded(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    old = etag_of(backend)
    faulty.plan.add(Reset())
    new = backend.swap("index.json", b"new", expected_etag=old)
    assert backend.get("index.json", max_length=100) == Reply(b"new", new)
    assert [method for method, _ in faulty.calls].count("swap") == 1


def test_a_swap_that_did_not_happen_is_repeated(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    old = etag_of(backend)
    faulty.plan.add(TRY_AGAIN)
    backend.swap("index.json", b"new", expected_etag=old)
    assert backend.get("index.json", max_length=100).body == b"new"
    assert [method for method, _ in faulty.calls].count("swap") == 2


def test_a_first_swap_that_did_not_happen_is_repeated(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    faulty.plan.add(TRY_AGAIN)
    backend.swap("new.json", b"new", expected_etag=None)
    assert backend.get("new.json", max_length=100).body == b"new"


class Overtaken(BackendWrapper):
    """Someone else changes the object while the answer to a swap gets lost."""

    def __init__(self, inner: MemoryBackend, theirs: bytes | None) -> None:
        super().__init__(inner)
        self.theirs = theirs
        self.swaps = 0

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        self.swaps += 1
        if self.theirs is None:
            self.inner.delete(key)
        else:
            self.inner.put(key, self.theirs)
        raise NoConnectionError("lost")


@pytest.mark.parametrize("theirs", [b"theirs", bytes(5_000_000), None])
def test_a_swap_never_overwrites_what_others_did(theirs: bytes | None, clock: Clock) -> None:
    memory = MemoryBackend({"index.json": b"old"})
    overtaken = Overtaken(memory, theirs)
    backend = retrying(overtaken, clock)
    with pytest.raises(ConflictError, match=r"index\.json"):
        backend.swap("index.json", b"ours", expected_etag=etag_of(backend))
    assert memory.objects.get("index.json") == theirs
    assert overtaken.swaps == 1


def test_a_swap_seen_late_is_not_mistaken_for_a_conflict(clock: Clock) -> None:
    """The first swap lands after it was looked for: the second one then finds our own bytes in its way."""

    class Late(BackendWrapper):
        first = True

        def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
            if self.first:
                self.first = False
                raise NoConnectionError("lost")
            self.inner.put(key, body)
            return self.inner.swap(key, body, expected_etag=expected_etag)

    backend = retrying(Late(MemoryBackend({"index.json": b"old"})), clock)
    new = backend.swap("index.json", b"ours", expected_etag=etag_of(backend))
    assert backend.get("index.json", max_length=100) == Reply(b"ours", new)


def test_a_plain_conflict_is_one(backend: RetryingBackend, faulty: FaultyBackend) -> None:
    with pytest.raises(ConflictError):
        backend.swap("index.json", b"ours", expected_etag='"other"')
    assert [method for method, _ in faulty.calls] == ["swap"]


def test_swap_gives_up_too(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    old = etag_of(backend)

    class Down(BackendWrapper):
        def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
            raise NoConnectionError("down")

    with pytest.raises(NoConnectionError, match="after 5 attempts"):
        retrying(Down(faulty), Clock()).swap("index.json", b"new", expected_etag=old)


def test_changes_are_repeated(faulty: FaultyBackend, backend: RetryingBackend) -> None:
    faulty.plan.add(Reset(), key="packs/", times=2)
    backend.put("packs/a", b"x")
    faulty.plan.add(TRY_AGAIN, key="packs/")
    assert [info.key for info in backend.list("packs/")] == ["packs/a"]
    faulty.plan.add(Reset(), key="packs/")
    backend.delete("packs/a")
    assert list(backend.list("packs/")) == []
    assert [method for method, _ in faulty.calls] == ["put"] * 3 + ["list"] * 2 + ["delete"] * 2 + ["list"]
