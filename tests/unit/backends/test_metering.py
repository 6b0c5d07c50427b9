from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catsync_core.backends.metering import MeteredBackend
from catsync_core.backends.protocol import Reply
from catsync_core.errors import NoConnectionError, RemoteError
from catsync_core.testing.conformance import BackendConformance
from catsync_core.testing.faults import FaultyBackend, Status, Truncate
from catsync_core.testing.memory import MemoryBackend

MIB = 1024 * 1024


class Wire(MemoryBackend):
    """Answers after a round trip, then sends at a bandwidth; time passes only here."""

    def __init__(self, objects: dict[str, bytes], round_trip: float, bandwidth: float) -> None:
        super().__init__(objects)
        self.now = 0.0
        self.round_trip = round_trip
        self.bandwidth = bandwidth

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        self.now += self.round_trip
        return super().get(key, max_length=max_length, known_etag=known_etag)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        self.now += self.round_trip
        for piece in super().read(key, offset, length):
            yield piece
            self.now += len(piece) / self.bandwidth


class TestMeteredBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> MeteredBackend:
        return MeteredBackend(MemoryBackend())


def test_it_counts_what_travels(tmp_path: Path) -> None:
    meter = MeteredBackend(MemoryBackend({"a": bytes(1000)}))
    etag = meter.get("a", max_length=1000).etag
    meter.get("a", max_length=1000, known_etag=etag)
    list(meter.read("a", 0, 300))
    assert (meter.requests, meter.bytes_received, meter.bytes_sent) == (3, 1300, 0)
    (tmp_path / "source").write_bytes(bytes(70))
    meter.put("b", tmp_path / "source")
    meter.put("c", bytes(5))
    meter.swap("d", bytes(600), expected_etag=None)
    list(meter.list())
    meter.delete("b")
    assert (meter.requests, meter.bytes_received, meter.bytes_sent) == (8, 1300, 675)


def test_failed_requests_and_their_bytes_count() -> None:
    faulty = FaultyBackend(MemoryBackend({"a": bytes(1000)}))
    meter = MeteredBackend(faulty)
    faulty.plan.add(Truncate(after=400))
    faulty.plan.add(Status(503))
    with pytest.raises(NoConnectionError):
        list(meter.read("a", 0, 1000))
    with pytest.raises(RemoteError):
        meter.put("b", bytes(9))
    assert (meter.requests, meter.bytes_received, meter.bytes_sent) == (2, 400, 0)


def test_an_abandoned_read_counts_what_came() -> None:
    meter = MeteredBackend(MemoryBackend({"a": bytes(1000)}, piece=100))
    pieces = meter.read("a", 0, 1000)
    next(pieces)
    next(pieces)
    del pieces
    assert meter.bytes_received == 200


def test_it_counts_across_threads() -> None:
    meter = MeteredBackend(MemoryBackend({"a": bytes(1000)}, piece=10))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sum(map(len, meter.read("a", 0, 1000))), range(200)))
    assert (meter.requests, meter.bytes_received) == (200, 200_000)


def test_before_anything_was_measured_it_assumes() -> None:
    meter = MeteredBackend(MemoryBackend())
    assert (meter.round_trip, meter.bandwidth) == (0.05, 2e6)
    assert MeteredBackend(MemoryBackend(), round_trip=0.0, bandwidth=5.0).bandwidth == 5.0


@pytest.mark.parametrize(("round_trip", "bandwidth"), [(0.02, 1e6), (0.3, 5e4), (0.001, 1e8)])
def test_estimates_approach_the_wire(round_trip: float, bandwidth: float) -> None:
    wire = Wire({"a": bytes(MIB), "index.json": b"{}"}, round_trip, bandwidth)
    meter = MeteredBackend(wire, clock=lambda: wire.now)
    for _ in range(3):
        meter.get("index.json", max_length=10)
        list(meter.read("a", 0, MIB))
    assert meter.round_trip == pytest.approx(round_trip)
    assert meter.bandwidth == pytest.approx(bandwidth, rel=0.1)


def test_one_slow_connect_does_not_spoil_the_round_trip() -> None:
    wire = Wire({"index.json": b"{}"}, 5.0, 1e6)
    meter = MeteredBackend(wire, clock=lambda: wire.now)
    meter.get("index.json", max_length=10)
    wire.round_trip = 0.02
    for _ in range(3):
        meter.get("index.json", max_length=10)
    assert meter.round_trip == pytest.approx(0.02)


def test_the_bandwidth_follows_a_change() -> None:
    wire = Wire({"a": bytes(MIB)}, 0.02, 1e7)
    meter = MeteredBackend(wire, clock=lambda: wire.now)
    for _ in range(30):
        list(meter.read("a", 0, MIB))
    wire.bandwidth = 1e5
    for _ in range(30):
        list(meter.read("a", 0, MIB))
    assert meter.bandwidth < 2e5


def test_little_data_says_nothing_about_the_bandwidth() -> None:
    wire = Wire({"a": bytes(200_000)}, 0.02, 1.0)
    meter = MeteredBackend(wire, clock=lambda: wire.now)
    list(meter.read("a", 0, 200_000))
    assert meter.bandwidth == 2e6


def test_a_slow_reader_is_not_a_slow_wire() -> None:
    wire = Wire({"a": bytes(MIB)}, 0.02, 1e6)
    meter = MeteredBackend(wire, clock=lambda: wire.now)
    for _ in meter.read("a", 0, MIB):
        wire.now += 60.0
    assert meter.bandwidth == pytest.approx(1e6, rel=0.1)
