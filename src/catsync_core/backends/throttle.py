"""Limit how many bytes per second arrive, over all connections of a process.

What arrives is booked in the order of arrival and handed on when as many bytes have been earned: by time, at the rate
of that time. So the rate may change while somebody waits, and no connection can push in front of another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from catsync_core.backends.protocol import Backend, Reply
from catsync_core.backends.wrapper import BackendWrapper, ending
from catsync_core.errors import CancelledError

__all__ = ["Throttle", "ThrottledBackend"]

ROUNDING = 0.001  # bytes: floating-point time cannot be had more exactly
BURST = 0.25  # seconds: so much may be earned ahead, while nothing arrives
LOOK_AGAIN = 1.0  # seconds after which the rate is asked for again


class Throttle:
    """What all connections share. Any thread may call it.

    Args:
        rate: Returns the bytes per second that are allowed at the moment; 0 for any. Asked at most once a second.
        clock: Seconds, monotonic.
    """

    def __init__(self, rate: Callable[[], int], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._current = rate()
        self._asked = self._looked = clock()
        self._booked = 0
        self._earned = 0.0

    def book(self, count: int) -> int:
        """Book bytes that arrived; returns the turn at which they may be handed on."""
        self._look()
        with self._lock:
            self._earn()
            self._booked += count
            return self._booked

    def pause(self, turn: int) -> float:
        """Return in how many seconds to ask again whether it is that turn; 0 when it is."""
        self._look()
        with self._lock:
            self._earn()
            missing = turn - self._earned
            if not self._current or missing < ROUNDING:
                return 0.0
            return min(missing / self._current, LOOK_AGAIN)

    def _look(self) -> None:
        with self._lock:
            if self._clock() - self._asked < LOOK_AGAIN:
                return
            self._asked = self._clock()
        rate = self._rate()  # outside of the lock, for it may ask plugins
        with self._lock:
            self._earn()
            self._current = rate

    def _earn(self) -> None:
        now = self._clock()
        most = self._booked + self._current * BURST
        earned = self._earned + (now - self._looked) * self._current if self._current else most
        self._earned, self._looked = max(self._earned, min(earned, most)), now


class ThrottledBackend(BackendWrapper):
    """Hands on what arrives no faster than a throttle allows. What is sent is not held back.

    It belongs around the retries: there a stream that is held back does not look as if it had stalled.

    Args:
        inner: The backend to slow down.
        throttle: What all backends of the process share.
        cancelled: When it is set, waiting ends at once.
    """

    def __init__(self, inner: Backend, throttle: Throttle, *, cancelled: threading.Event | None = None) -> None:
        super().__init__(inner)
        self._throttle = throttle
        self._cancelled = cancelled or threading.Event()

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """Get, and wait as long as its body is worth."""
        reply = self.inner.get(key, max_length=max_length, known_etag=known_etag)
        self._wait_for(len(reply.body))
        return reply

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Read, and hand each piece on when it is its turn."""
        with ending(self.inner.read(key, offset, length)) as pieces:
            for piece in pieces:
                self._wait_for(len(piece))
                yield piece

    def _wait_for(self, count: int) -> None:
        turn = self._throttle.book(count)
        while pause := self._throttle.pause(turn):
            if self._cancelled.wait(pause):
                raise CancelledError(f"The transfer with {self.url} was stopped")
