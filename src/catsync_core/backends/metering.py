"""Count what goes over a backend, and estimate how fast it is.

The counters give the exact totals that a finished transfer reports; the estimates let the planner weigh one more
request against some more bytes. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from catsync_core.backends.protocol import Backend, ObjectInfo, Reply
from catsync_core.backends.wrapper import BackendWrapper, ending

__all__ = ["MeteredBackend"]

SAMPLES = 9  # round trips that the estimate looks back on
ENOUGH = 256 * 1024  # bytes, before which a measured bandwidth is noise
MEMORY = 16 * 1024 * 1024  # bytes, after which older measurements fade
BANDWIDTHS = (1e3, 1e9)  # bytes/s: the estimate stays between them, whatever a clock says


class MeteredBackend(BackendWrapper):
    """Counts requests and bytes, and measures round trip and bandwidth.

    Args:
        inner: The backend to measure.
        round_trip: Seconds to assume before anything was measured.
        bandwidth: Bytes per second to assume before enough was measured.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        inner: Backend,
        *,
        round_trip: float = 0.05,
        bandwidth: float = 2e6,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = self._received = self._sent = 0
        self._assumed_round_trip, self._assumed_bandwidth = round_trip, bandwidth
        self._round_trips: deque[float] = deque(maxlen=SAMPLES)
        self._streamed, self._streaming = 0.0, 0.0  # bytes, and the seconds that were waited for them

    @property
    def requests(self) -> int:
        """Calls that reached the backend, failed ones included."""
        return self._requests

    @property
    def bytes_received(self) -> int:
        """Bytes of bodies that arrived, those of later failed calls included."""
        return self._received

    @property
    def bytes_sent(self) -> int:
        """Bytes of bodies that were handed over completely."""
        return self._sent

    @property
    def round_trip(self) -> float:
        """Seconds from a request to the first byte of its answer: the median of the last few."""
        with self._lock:
            if not self._round_trips:
                return self._assumed_round_trip
            return sorted(self._round_trips)[len(self._round_trips) // 2]

    @property
    def bandwidth(self) -> float:
        """Bytes per second that one stream carries once it flows."""
        with self._lock:
            if self._streamed < ENOUGH:
                return self._assumed_bandwidth
            slowest, fastest = BANDWIDTHS
            return max(slowest, min(fastest, self._streamed / max(self._streaming, 1e-9)))

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """Count one request and its body."""
        asked = self._ask()
        reply = self.inner.get(key, max_length=max_length, known_etag=known_etag)
        self._answered(asked)
        self._arrived(len(reply.body))
        return reply

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Count one request and each piece when it arrives."""
        asked = self._ask()
        with ending(self.inner.read(key, offset, length)) as pieces:
            first = next(pieces, b"")
            self._answered(asked)
            self._arrived(len(first))
            yield first
            while True:
                asked = self._clock()
                piece = next(pieces, None)
                if piece is None:
                    return
                self._arrived(len(piece), self._clock() - asked)
                yield piece

    def put(self, key: str, source: bytes | Path) -> None:
        """Count one request and the bytes of the object."""
        self._ask()
        self.inner.put(key, source)
        self._left(len(source) if isinstance(source, bytes) else source.stat().st_size)

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """Count one request and the bytes of the object."""
        self._ask()
        etag = self.inner.swap(key, body, expected_etag=expected_etag)
        self._left(len(body))
        return etag

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Count one request."""
        self._ask()
        return self.inner.list(prefix)

    def delete(self, key: str) -> None:
        """Count one request."""
        self._ask()
        self.inner.delete(key)

    def _ask(self) -> float:
        with self._lock:
            self._requests += 1
        return self._clock()

    def _answered(self, asked: float) -> None:
        with self._lock:
            self._round_trips.append(self._clock() - asked)

    def _arrived(self, length: int, waited: float | None = None) -> None:
        with self._lock:
            self._received += length
            if waited is None:  # what comes with the first byte says nothing about the bandwidth
                return
            self._streamed += length
            self._streaming += waited
            if self._streamed > MEMORY:
                self._streamed /= 2
                self._streaming /= 2

    def _left(self, length: int) -> None:
        with self._lock:
            self._sent += length
