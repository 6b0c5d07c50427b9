"""Count what really crosses the wire: a TCP relay on loopback between a client and its server.

The relay counts the payload of the TCP stream in both directions, so HTTP headers and protocol handshakes are in,
TCP/IP headers and acknowledgements are out. No tool's own report is believed.

Threads: one accepts, two per connection copy. `take` may be called from any thread.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Relay", "RequestCounter", "Traffic"]

_CHUNK = 1 << 18
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What crossed the wire, seen from the client."""

    sent: int = 0
    """Bytes from the client to the server."""
    received: int = 0
    """Bytes from the server to the client."""
    requests: int = 0
    """HTTP requests; 0 on a relay that does not look for them."""
    connections: int = 0

    @property
    def bytes(self) -> int:
        """Bytes in both directions."""
        return self.sent + self.received

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.sent + other.sent,
            self.received + other.received,
            self.requests + other.requests,
            self.connections + other.connections,
        )


@dataclass(slots=True)
class RequestCounter:
    """Counts the HTTP/1.1 requests in a byte stream, however it is cut into pieces.

    Bodies are skipped by their Content-Length; none of the clients here sends a chunked one.
    """

    requests: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _body_left: int = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        rest = memoryview(data)
        while rest:
            skipped = min(self._body_left, len(rest))
            self._body_left -= skipped
            rest = self._feed_head(rest[skipped:])

    def _feed_head(self, data: memoryview) -> memoryview:
        known = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n", max(0, known - 3))
        if end < 0:
            return data[:0]
        self.requests += 1
        length = _CONTENT_LENGTH.search(self._head, 0, end)
        self._body_left = int(length[1]) if length else 0
        self._head.clear()
        return data[end + 4 - known :]


class Relay:
    """Listens on a free loopback port and passes every connection on to another one.

    Use it as a context manager, and `take` the counts after each measured run::

        with Relay(server_port, http=True) as relay:
            run_client(relay.port)
            traffic = relay.take()

    Args:
        target: The server's port on 127.0.0.1.
        http: Whether the client speaks HTTP/1.1, so that requests can be counted.
    """

    def __init__(self, target: int, *, http: bool) -> None:
        self._target = target
        self._http = http
        self._quiet = threading.Condition()
        self._open = 0
        self._traffic = Traffic()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._acceptor = threading.Thread(target=self._accept, name="relay", daemon=True)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor, which close() alone does not
        self._acceptor.join()
        self._listener.close()

    def take(self, timeout: float = 30.0) -> Traffic:
        """Return what crossed since the last call, once all connections are closed.

        Args:
            timeout: Seconds to wait for clients to close.

        Raises:
            TimeoutError: When a connection stays open, so that the counts would not be final.
        """
        with self._quiet:
            if not self._quiet.wait_for(lambda: not self._open and not self._is_called(), timeout):
                raise TimeoutError(f"{self._open} connections are still open after {timeout} s")
            traffic, self._traffic = self._traffic, Traffic()
            return traffic

    def _is_called(self) -> bool:
        """Whether a connection waits to be accepted; with the lock held, so that none slips from here to `_open`."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def _accept(self) -> None:
        while True:
            select.select([self._listener], [], [])
            with self._quiet:
                try:
                    client, _ = self._listener.accept()
                except OSError:  # shut down: the relay ends
                    return
                self._open += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), name="relay-up", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        sent = received = 0
        counter = RequestCounter()
        try:
            # A server that is gone ends the connection, and the client says so.
            with client, contextlib.suppress(ConnectionRefusedError), self._connect() as server:
                down = _Pump(server, client)
                down.start()
                sent = _copy(client, server, counter.feed if self._http else None)
                down.join()
                received = down.copied
        finally:
            with self._quiet:
                self._traffic += Traffic(sent, received, counter.requests, connections=1)
                self._open -= 1
                self._quiet.notify_all()

    def _connect(self) -> socket.socket:
        server = socket.create_connection(("127.0.0.1", self._target))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server


class _Pump(threading.Thread):
    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        super().__init__(name="relay-down", daemon=True)
        self._source = source
        self._target = target
        self.copied = 0

    def run(self) -> None:
        self.copied = _copy(self._source, self._target, None)


def _copy(source: socket.socket, target: socket.socket, look: Callable[[bytes], None] | None) -> int:
    """Copy until either side ends, hand the end on, and return the bytes that were passed on."""
    copied = 0
    # A reset is an end like any other: clients may leave without a goodbye.
    with contextlib.suppress(ConnectionError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
            copied += len(data)
            if look is not None:
                look(data)
    for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):  # already gone
            end.shutdown(how)
    return copied
