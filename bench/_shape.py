"""Links as users have them: a rate in each direction, and a round trip.

A lane is a queue in front of a wire. Bytes enter one after the other, whichever connection they belong to, so that
parallel connections get no more than the link has; each takes its share of the rate to pass, and then half a round
trip to arrive. A new connection waits a round trip for its handshake (see `Relay`). What is not modelled: loss,
congestion control's slow start, and the TCP/IP headers' own bytes.

Threads: one per connection and direction delivers what has arrived; connections may use a lane at the same time.
"""

from __future__ import annotations

import contextlib
import math
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench._wire import Lane, Link, Look, pass_end

__all__ = ["FAST", "LOOPBACK", "SLOW", "Profile", "ShapedLane"]

_PACKET = 1448
"""The least that is passed at a time, in bytes: what an Ethernet frame holds."""
_SLICE = 0.005
"""Seconds of the rate that are passed at a time, where that is more than a packet."""
_BACKLOG = 0.01
"""Seconds of the rate that may wait in front of the wire, so that it never idles for the want of a prompt thread."""
_PIECES = 4096
"""Pieces of one connection that may be under way; a bound for memory, never met at the rates here."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of link."""

    name: str
    rate: float = math.inf
    """Bits per second in each direction."""
    round_trip: float = 0.0
    """Seconds."""

    def lay(self) -> Link:
        """Return a new link of this kind, with nothing under way."""
        if math.isinf(self.rate):
            return Link()
        up, down = (ShapedLane(self.rate / 8, self.round_trip / 2) for _ in range(2))
        return Link(up, down, self.round_trip)


LOOPBACK = Profile("loopback")
FAST = Profile("fast", rate=20e6, round_trip=0.040)
SLOW = Profile("slow", rate=2e6, round_trip=0.200)


class ShapedLane(Lane):
    """A lane with a rate and a delay.

    Args:
        rate: Bytes per second.
        delay: Seconds from having passed to having arrived.
    """

    def __init__(self, rate: float, delay: float) -> None:
        self._rate = rate
        self._delay = delay
        self._lock = threading.Lock()
        self._free = -math.inf

    def enter(self, size: int, now: float) -> tuple[float, float]:
        """Queue some bytes.

        Args:
            size: How many.
            now: The time on a clock that never goes back, in seconds.

        Returns:
            When they have passed, so that the next ones can, and when they arrive.
        """
        with self._lock:
            self._free = max(self._free, now) + size / self._rate
            return self._free, self._free + self._delay

    def carry(self, source: socket.socket, target: socket.socket, look: Look) -> None:
        """Copy at the lane's rate, and deliver after its delay."""
        delivery = _Delivery(source, target, look)
        delivery.start()
        piece = max(_PACKET, int(self._rate * _SLICE))
        with contextlib.suppress(ConnectionError):
            while (data := source.recv(piece)) and not delivery.refused.is_set():
                passed, arrives = self.enter(len(data), time.monotonic())
                delivery.pieces.put((arrives, data))
                _sleep_until(passed - _BACKLOG)
        _, arrives = self.enter(0, time.monotonic())
        delivery.pieces.put((arrives, b""))
        delivery.join()


class _Delivery(threading.Thread):
    """Hands over what has entered a lane when it arrives; an empty piece is the end."""

    def __init__(self, source: socket.socket, target: socket.socket, look: Look) -> None:
        super().__init__(name="relay-delivery", daemon=True)
        self.pieces: queue.Queue[tuple[float, bytes]] = queue.Queue(_PIECES)
        self.refused = threading.Event()
        """Set when the target is gone."""
        self._source = source
        self._target = target
        self._look = look

    def run(self) -> None:
        try:
            for data in self._arriving():
                self._target.sendall(data)
                self._look(data)
        except ConnectionError:
            self.refused.set()
        pass_end(self._source, self._target)
        if self.refused.is_set():
            for _ in self._arriving():  # so that whoever fills the queue never waits for room
                pass

    def _arriving(self) -> Iterator[bytes]:
        while True:
            arrives, data = self.pieces.get()
            _sleep_until(arrives)
            if not data:
                return
            yield data


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
