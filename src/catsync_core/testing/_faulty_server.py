"""A web server that fails on demand, over real sockets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from catsync_core.backends.serve import Answer, RequestHandler, Served, Server
from catsync_core.testing._faults import FaultPlan

__all__ = ["FaultyServer"]


class FaultyServer(Server):
    """A :class:`Server` whose answers follow a plan, and which counts them.

    Args:
        directory: What to serve.
    """

    def __init__(self, directory: Path) -> None:
        self.plan = FaultPlan()
        self._log: list[Served] = []
        plan = self.plan

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
                if "Connection" in answer.headers:
                    self.close_connection = True
                    del answer.headers["Connection"]
                answer.body = self._reset(answer.body)
                super().send(key, answer)

            def _reset(self, body: Iterator[bytes]) -> Iterator[bytes]:
                try:
                    yield from body
                except ConnectionResetError:
                    # Closing a socket that does not linger sends RST at once, instead of FIN.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(self.connection.detach())
                    raise

        super().__init__(directory, on_request=self._log.append, handler=Handler)

    @property
    def log(self) -> tuple[Served, ...]:
        """Every answer so far."""
        return tuple(self._log)

    @property
    def requests(self) -> int:
        """How many answers were given."""
        return len(self._log)

    @property
    def bytes_out(self) -> int:
        """Bytes that were sent, heads included."""
        return sum(served.head + served.body for served in self.log)

    def count(self, *, key: str = "", status: int | None = None) -> int:
        """How many answers were given about keys that start like this, with this status."""
        return sum(served.key.startswith(key) and status in (None, served.status) for served in self.log)

    def forget(self) -> None:
        """Count from zero again."""
        self._log.clear()
