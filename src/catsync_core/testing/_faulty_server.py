"""A web server that fails on demand, over real sockets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from catsync_core.backends.serve import Answer, RequestHandler, Served, Server
from catsync_core.testing._faults import FaultPlan

__all__ = ["FaultyServer"]


class _Count(msgspec.Struct):
    """An answer; counted before it is sent, so that whoever has seen it finds it counted."""

    key: str
    status: int
    head: int
    body: int = 0


class FaultyServer(Server):
    """A :class:`Server` whose answers follow a plan, and which counts them.

    Args:
        directory: What to serve.
    """

    def __init__(self, directory: Path) -> None:
        self.plan = FaultPlan()
        self._counts: list[_Count] = []
        plan, counts = self.plan, self._counts

        class Handler(RequestHandler):
            """Answers according to this server's plan."""

            def do_GET(self) -> None:  # noqa: N802 - the name that the base class calls
                """Let the fault at the request."""
                self.fault = plan.take(self.path.lstrip("/"))
                self.fault.mishear(self.headers)
                super().do_GET()

            do_HEAD = do_GET  # noqa: N815 - likewise

            def send(self, key: str, answer: Answer) -> None:
                """Let the fault at the answer."""
                answer = self.fault.spoil(answer)
                if answer.headers.pop("Connection", "") == "close":
                    self.close_connection = True
                count = _Count(key, answer.status, len(self.head(answer)))
                counts.append(count)
                answer.body = self._count(answer.body, count)
                super().send(key, answer)

            def _count(self, body: Iterator[bytes], count: _Count) -> Iterator[bytes]:
                try:
                    for piece in body:
                        count.body += len(piece)
                        yield piece
                except ConnectionResetError:
                    # Closing a socket that does not linger sends RST at once, instead of FIN.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(self.connection.detach())
                    raise

        super().__init__(directory, handler=Handler)

    @property
    def log(self) -> tuple[Served, ...]:
        """Every answer so far, those included that are still being sent."""
        return tuple(Served(count.key, count.status, count.head, count.body) for count in self._counts)

    @property
    def requests(self) -> int:
        """How many answers were given."""
        return len(self._counts)

    @property
    def bytes_out(self) -> int:
        """Bytes that were sent, heads included."""
        return sum(count.head + count.body for count in self._counts)

    def count(self, *, key: str = "", status: int | None = None) -> int:
        """How many answers were given about keys that start like this, with this status."""
        return sum(count.key.startswith(key) and status in (None, count.status) for count in self._counts)

    def forget(self) -> None:
        """Count from zero again."""
        self._counts.clear()
