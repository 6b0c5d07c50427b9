"""Count what really crosses the wire: a TCP relay on loopback between a client and its server.

The relay counts the payload of the TCP stream in both directions, so HTTP headers and protocol handshakes are in,
TCP/IP headers and acknowledgements are out. No tool's own report is believed. What it carries the bytes over is a
`Link`; `bench._shape` has links with a rate and a delay.

Threads: one accepts, two per connection copy. `take` may be called from any thread.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from bench._traffic import MessageCounter, Traffic

__all__ = ["Lane", "Link", "Look", "Relay", "pass_end"]

Look = Callable[[bytes], None]
"""Is shown every piece that is passed on."""

_CHUNK = 1 << 18


class Lane:
    """One direction of a link, shared by all its connections. This one passes bytes on as they come."""

    def carry(self, source: socket.socket, target: socket.socket, look: Look) -> None:
        """Copy until either side ends, and hand the end on.

        Args:
            source: Where bytes come from.
            target: Where they go.
            look: Is shown what was passed on.
        """
        # A reset is an end like any other: clients may leave without a goodbye.
        with contextlib.suppress(ConnectionError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
                look(data)
        pass_end(source, target)


@dataclass(frozen=True, slots=True)
class Link:
    """What lies between a client and its server; by itself as good as nothing."""

    up: Lane = field(default_factory=Lane)
    down: Lane = field(default_factory=Lane)
    round_trip: float = 0.0
    """Seconds from the first packet of a handshake to its answer."""


def pass_end(source: socket.socket, target: socket.socket) -> None:
    """Tell the target that nothing more comes, and the source that nothing more is taken."""
    for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):  # already gone
            end.shutdown(how)


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

    link: Link
    """What connections cross; for those to come it may be replaced."""

    def __init__(self, target: int, *, http: bool) -> None:
        self.link = Link()
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
        link = self.link
        up, down = _Tally(http=self._http), _Tally(http=self._http)
        try:
            time.sleep(link.round_trip)  # until the client would know that it is connected
            # A server that is gone ends the connection, and the client says so.
            with client, contextlib.suppress(ConnectionRefusedError), self._connect() as server:
                answers = threading.Thread(target=_answer, args=(link, server, client, down), name="relay-down")
                answers.daemon = True
                answers.start()
                link.up.carry(client, server, up)
                answers.join()
        finally:
            with self._quiet:
                self._traffic += Traffic(up.bytes, down.bytes, up.messages, connections=1, body=down.body)
                self._open -= 1
                self._quiet.notify_all()

    def _connect(self) -> socket.socket:
        server = socket.create_connection(("127.0.0.1", self._target))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server


def _answer(link: Link, server: socket.socket, client: socket.socket, tally: _Tally) -> None:
    # The server would learn of the connection by the handshake's last packet; some speak first.
    time.sleep(link.round_trip / 2)
    link.down.carry(server, client, tally)


class _Tally:
    """Counts one direction of one connection."""

    def __init__(self, *, http: bool) -> None:
        self.bytes = 0
        self._counter = MessageCounter()
        self._http = http

    def __call__(self, data: bytes) -> None:
        self.bytes += len(data)
        if self._http:
            self._counter.feed(data)

    @property
    def messages(self) -> int:
        return self._counter.messages

    @property
    def body(self) -> int:
        return self._counter.body
