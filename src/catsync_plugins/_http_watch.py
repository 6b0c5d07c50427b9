"""A watch over connections, for what a socket's own timeout does not do.

A socket's timeout starts anew with every byte, so a server that sends one byte after the other holds a thread for days;
and to close a socket does not wake a thread that reads from it.
"""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from catsync_core.limits import LIMITS

__all__ = ["HEAD_SECONDS", "Watch"]

HEAD_SECONDS = LIMITS.stall_seconds  # for the whole head of an answer, in however many drops


class Watch:
    """Sees to it that no head of an answer takes for ever, and that closing wakes everyone up.

    One thread, started when it is first needed and asleep while nobody waits, cuts connections that take too long.
    Thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._deadlines: dict[socket.socket, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._idle = False
        self._closed = False

    def follow(self, connection: socket.socket) -> None:
        """Cut this connection when the watch closes."""
        with self._changed:
            if not self._closed:
                self._sockets.add(connection)
                return
        _cut(connection)

    @contextmanager
    def limit(self, connection: socket.socket) -> Iterator[None]:
        """Cut this connection when the block takes too long.

        Raises:
            TimeoutError: it did.
        """
        with self._changed:
            self._deadlines[connection] = self._clock() + HEAD_SECONDS
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="catsync-http-watch", daemon=True)
                self._thread.start()
            elif self._idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                overdue = self._deadlines.pop(connection, None) is None
            if overdue:
                raise TimeoutError(f"no complete head within {HEAD_SECONDS:.0f} seconds")

    def close(self) -> None:
        """Cut all connections."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            connections = tuple(self._sockets)
        for connection in connections:
            _cut(connection)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = self._clock()
                for connection in [sock for sock, deadline in self._deadlines.items() if deadline <= now]:
                    del self._deadlines[connection]
                    _cut(connection)
                # Requests that end in time wake nobody: the next look is at the earliest deadline there was.
                self._idle = not self._deadlines
                self._changed.wait(None if self._idle else min(self._deadlines.values()) - now)
                self._idle = False


def _cut(connection: socket.socket) -> None:
    try:
        # Not SSLSocket's own: it takes the TLS layer away from under a thread that is reading.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:  # it has just ended by itself
        return
