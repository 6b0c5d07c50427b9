from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from catsync_core.backends.metering import MeteredBackend
from catsync_core.backends.registry import open_backend
from catsync_core.backends.throttle import BURST, Throttle, ThrottledBackend
from catsync_core.backends.wrapper import find_layer
from catsync_core.errors import CancelledError
from catsync_core.plugins import load_plugins
from catsync_core.testing.conformance import BackendConformance
from catsync_core.testing.memory import MemoryBackend


class Clock(threading.Event):
    """Time passes only when somebody waits for this event, which nobody sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.rates = {0.0: 1000}

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout > 0
        self.now += timeout
        return False

    def rate(self) -> int:
        """The rate since the last time that has one."""
        return self.rates[max(since for since in self.rates if since <= self.now - 1000)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def throttled(clock: Clock, objects: dict[str, bytes]) -> ThrottledBackend:
    return ThrottledBackend(MemoryBackend(objects), Throttle(clock.rate, clock=clock), cancelled=clock)


class TestThrottledBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> ThrottledBackend:
        return ThrottledBackend(MemoryBackend(), Throttle(lambda: 1_000_000_000))


def test_bytes_take_as_long_as_the_rate_says(clock: Clock) -> None:
    backend = throttled(clock, {"packs/a": bytes(60_000)})
    assert len(b"".join(backend.read("packs/a", 0, 50_000))) == 50_000
    assert clock.now - 1000 == pytest.approx(50)
    assert len(backend.get("packs/a", max_length=60_000).body) == 60_000
    assert clock.now - 1000 == pytest.approx(110)


def test_several_backends_share_one_rate(clock: Clock) -> None:
    throttle = Throttle(clock.rate, clock=clock)
    backends = [ThrottledBackend(MemoryBackend({"packs/a": bytes(5000)}), throttle, cancelled=clock) for _ in range(2)]
    for backend in backends:
        assert len(backend.get("packs/a", max_length=5000).body) == 5000
    assert clock.now - 1000 == pytest.approx(10)


def test_what_was_idle_earns_no_more_than_a_moment(clock: Clock) -> None:
    backend = throttled(clock, {"packs/a": bytes(10_000)})
    clock.now += 3600
    began = clock.now
    backend.get("packs/a", max_length=10_000)
    assert clock.now - began == pytest.approx(10 - BURST)


def test_a_new_rate_counts_while_somebody_waits(clock: Clock) -> None:
    clock.rates |= {10: 5000, 20: 0}
    backend = throttled(clock, {"packs/a": bytes(1_000_000)})
    backend.get("packs/a", max_length=1_000_000)
    assert clock.now - 1000 == pytest.approx(20), "as soon as any rate is allowed, waiting ends"


def test_a_rate_that_begins_later_does_not_count_what_came_before(clock: Clock) -> None:
    clock.rates = {0.0: 0, 10: 1000}
    backend = throttled(clock, {"packs/a": bytes(1_000_000)})
    backend.get("packs/a", max_length=1_000_000)
    assert clock.now == 1000
    clock.now += 10
    backend.get("packs/a", max_length=1_000_000)
    assert clock.now - 1010 == pytest.approx(1000 - BURST, abs=2)


def test_the_rate_is_asked_for_once_a_second(clock: Clock) -> None:
    asked: list[float] = []

    def rate() -> int:
        asked.append(clock.now)
        return 1_000_000

    backend = ThrottledBackend(MemoryBackend({"packs/a": b"x"}), Throttle(rate, clock=clock), cancelled=clock)
    for _ in range(1000):
        backend.get("packs/a", max_length=1)
    assert len(asked) == 1


def test_cancelling_ends_waiting_at_once() -> None:
    cancelled = threading.Event()
    waiting = threading.Event()

    class Waited(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            waiting.set()
            return cancelled.wait()

    backend = ThrottledBackend(MemoryBackend({"packs/a": bytes(1000)}), Throttle(lambda: 1), cancelled=Waited())
    with ThreadPoolExecutor() as threads:
        stopped = threads.submit(backend.get, "packs/a", max_length=1000)
        assert waiting.wait(10)
        cancelled.set()
        with pytest.raises(CancelledError):
            stopped.result(10)


def test_the_registry_puts_it_around_everything(tmp_path: object) -> None:
    plugins = load_plugins()
    backend = open_backend(str(tmp_path), plugins, throttle=Throttle(lambda: 0))
    assert isinstance(backend, ThrottledBackend)
    assert find_layer(backend, MeteredBackend) is not None
    assert not isinstance(open_backend(str(tmp_path), plugins), ThrottledBackend)
