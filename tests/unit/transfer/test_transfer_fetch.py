from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.backends.protocol import Backend, Capabilities
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.errors import CancelledError, DiskFullError, NoConnectionError
from catsync_core.format.objects import ObjectRef
from catsync_core.plan.model import Piece, Request
from catsync_core.plan.requests import merge_pieces
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer.fetch import Fetching, fetch_requests

DATA = Random(1).randbytes(100_000)
PACK = ObjectRef.of(DATA)
KEY = f"packs/{PACK.sha256}"
PATIENCE = 10.0  # seconds, after which a test fails instead of hanging


class Kept(dict[tuple[str, int], bytes]):
    """Keeps pieces in memory."""

    def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
        assert (pack_sha256, offset) not in self
        self[pack_sha256, offset] = data


class Hooked(BackendWrapper):
    """Calls a hook with the offset of each read before its first byte, and after each piece of it."""

    def __init__(self, inner: Backend, hook: Callable[[int, int], object], connections: int) -> None:
        super().__init__(inner)
        self.reads: list[tuple[str, int, int]] = []
        self._hook = hook
        self._connections = connections

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(write=True, swap=True, connections=self._connections)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        self.reads.append((key, offset, length))
        self._hook(offset, 0)
        sent = 0
        for data in self.inner.read(key, offset, length):
            yield data
            sent += len(data)
            self._hook(offset, sent)


def ask(*pieces: tuple[int, int], gap: int = 0) -> tuple[Request, ...]:
    return merge_pieces([Piece(PACK.sha256, offset, length) for offset, length in pieces], {PACK.sha256: PACK}, gap)


def hooked(hook: Callable[[int, int], object], *, connections: int = 1, piece: int = 1000) -> Hooked:
    return Hooked(MemoryBackend({KEY: DATA}, piece=piece), hook, connections)


def nothing(_offset: int, _sent: int) -> None:
    """Do nothing."""


def wait_for_workers() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("catsync-fetch-"):
            thread.join(PATIENCE)
            assert not thread.is_alive()


@settings(max_examples=100, deadline=None)
@given(
    edges=st.lists(st.integers(0, len(DATA)), min_size=2, max_size=30, unique=True),
    gap=st.sampled_from((0, 500, 20_000)),
    piece=st.sampled_from((1, 7, 1000, 1 << 20)),
    every=st.integers(1, 3),
)
def test_exactly_the_pieces_are_kept(edges: list[int], gap: int, piece: int, every: int) -> None:
    piece = max(piece, 1 + (max(edges) - min(edges)) // 500)
    wanted = [(start, end - start) for start, end in list(pairwise(sorted(edges)))[::every]]
    kept = Kept()
    arrived: list[int] = []
    requests = ask(*wanted, gap=gap)
    fetch_requests(hooked(nothing, connections=3, piece=piece), requests, kept, arrived.append)
    assert kept == {(PACK.sha256, start): DATA[start : start + length] for start, length in wanted}
    assert sum(arrived) == sum(request.length for request in requests)


def test_nothing_to_fetch_asks_nothing() -> None:
    backend = hooked(nothing)
    fetch_requests(backend, (), Kept(), lambda _: None)
    assert backend.reads == []


def test_each_request_is_one_range_in_order() -> None:
    backend = hooked(nothing)
    fetch_requests(backend, ask((50, 10), (5000, 10), (70, 10), gap=10), Kept(), lambda _: None)
    assert backend.reads == [(KEY, 50, 30), (KEY, 5000, 10)]


@pytest.mark.parametrize(("connections", "asked"), [(1, None), (3, None), (3, 1), (3, 2)])
def test_as_many_requests_run_at_a_time_as_the_backend_has_connections_or_as_is_asked_for(
    connections: int, asked: int | None
) -> None:
    streams = asked or connections
    barrier = threading.Barrier(streams)
    begun = threading.Semaphore(streams)

    def meet(_: int, sent: int) -> None:
        if not sent:
            assert begun.acquire(blocking=False)
            barrier.wait(PATIENCE)
        else:
            begun.release()

    backend, kept = hooked(meet, connections=connections), Kept()
    requests = ask(*((at, 10) for at in range(0, 60_000, 10_000)))
    with Fetching(backend, requests, kept, lambda _: None, streams=asked) as fetching:
        fetching.finish()
    assert len(kept) == 6


@pytest.mark.parametrize("broken_after", [0, 999, 1000, 2500, 2999])
def test_of_a_broken_request_only_whole_pieces_are_kept(broken_after: int) -> None:
    def break_off(_: int, sent: int) -> None:
        if sent > broken_after:
            raise NoConnectionError("broken")

    kept = Kept()
    with pytest.raises(NoConnectionError, match="broken"):
        fetch_requests(hooked(break_off, piece=1), ask((0, 1000), (1000, 1000), (2000, 1000)), kept, lambda _: None)
    assert sorted(offset for _, offset in kept) == list(range(0, broken_after + 1, 1000))[: (broken_after + 1) // 1000]
    assert all(data == DATA[offset : offset + 1000] for (_, offset), data in kept.items())


def test_the_error_of_one_connection_stops_the_others() -> None:
    both = threading.Barrier(2)
    failing: list[threading.Thread] = []

    def fail_first(offset: int, sent: int) -> None:
        if offset == 0:
            failing.append(threading.current_thread())
            both.wait(PATIENCE)
            raise NoConnectionError("broken")
        if not sent:
            both.wait(PATIENCE)
            failing[0].join(PATIENCE)

    backend = hooked(fail_first, connections=2)
    with pytest.raises(NoConnectionError, match="broken"):
        fetch_requests(backend, ask(*((at, 9000) for at in range(0, 90_000, 9500))), Kept(), lambda _: None)
    wait_for_workers()
    assert len(backend.reads) == 2


def test_a_full_disk_surfaces() -> None:
    class Full(Kept):
        def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
            raise DiskFullError("full")

    with pytest.raises(DiskFullError):
        fetch_requests(hooked(nothing, connections=2), ask((0, 10), (500, 10)), Full(), lambda _: None)


def test_what_arrived_before_it_was_stopped_is_kept() -> None:
    cancelled = threading.Event()
    kept = Kept()

    def stop(_: int, sent: int) -> None:
        if sent == 2000:
            cancelled.set()

    with pytest.raises(CancelledError):
        fetch_requests(
            hooked(stop), ask((0, 1000), (1000, 1000), (50_000, 1000)), kept, lambda _: None, cancelled=cancelled
        )
    wait_for_workers()
    assert {offset for _, offset in kept} >= {0}


def test_a_transfer_that_was_stopped_before_fetches_nothing_whole() -> None:
    cancelled = threading.Event()
    cancelled.set()
    backend = hooked(nothing)
    with pytest.raises(CancelledError):
        fetch_requests(backend, ask((0, 50_000), (60_000, 10)), kept := Kept(), lambda _: None, cancelled=cancelled)
    wait_for_workers()
    assert len(kept) <= 2


def test_a_failing_listener_surfaces() -> None:
    def fail(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch_requests(hooked(nothing), ask((0, 10)), Kept(), fail)
    wait_for_workers()


def test_gaps_are_not_held_in_memory() -> None:
    large = ObjectRef("b" * 64, 32 << 20)
    piece = Piece(large.sha256, 0, 10), Piece(large.sha256, large.length - 10, 10)

    class Endless(MemoryBackend):
        def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
            return (bytes(1 << 16) for _ in range(length >> 16))

    kept = Kept()
    tracemalloc.start()
    fetch_requests(Endless(), [Request(large, 0, large.length, piece)], kept, lambda _: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 2
    assert peak < 4 << 20


def test_what_has_arrived_is_used_while_the_rest_is_still_under_way() -> None:
    used = threading.Event()
    backend = hooked(lambda offset, _: offset == 50_000 and used.wait(PATIENCE), connections=1)
    kept = Kept()
    with Fetching(backend, ask((0, 1000), (50_000, 1000)), kept, lambda _: None) as fetching:
        fetching.wait_until(lambda: (PACK.sha256, 0) in kept)
        assert not fetching.done
        assert len(kept) == 1
        used.set()
        fetching.finish()
    assert fetching.done
    assert len(kept) == 2


def test_waiting_for_what_never_comes_ends_with_the_last_request() -> None:
    with Fetching(hooked(nothing), ask((0, 1000)), Kept(), lambda _: None) as fetching:
        fetching.wait_until(lambda: False)
        assert fetching.done


def test_a_failed_fetch_is_the_error_whatever_it_led_to() -> None:
    def break_off(_offset: int, _sent: int) -> None:
        raise NoConnectionError("The line is dead")

    def work() -> None:
        with Fetching(hooked(break_off), ask((0, 1000)), Kept(), lambda _: None) as fetching:
            try:
                fetching.finish()
            except NoConnectionError as error:
                raise KeyError("a piece is missing") from error

    with pytest.raises(NoConnectionError, match="The line is dead"):
        work()
