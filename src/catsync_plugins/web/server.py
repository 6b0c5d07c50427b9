"""The sockets of the screen: how many connections there may be, and how long each step of a request may take.

uvicorn bounds what a request may contain, and knows no deadline for one that comes slowly; so each connection here has
one, from its beginning or its last answer to the end of the next request's head.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from catsync_core.errors import LocalError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["WebServer", "listen_at"]

HEAD_SECONDS = 20.0
CONNECTIONS = 256  # at a time; a further one is closed at once
HEAD_BYTES = 16384
LEAVE_SECONDS = 2  # that answers may still take when the server is closed
_POLL = 0.01
_TRIES = 50  # ports after the one that is preferred


class _Protocol(H11Protocol):
    """A connection whose next request must have come in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self._await_request()

    def _await_request(self) -> None:
        self._stop_waiting()
        self.deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def listen_at(host: str, port: int | None, preferred: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Address of this device.
        port: The one that is wished, 0 for any free one; None for the preferred one or, if that is taken, a later one.
        preferred: A port.

    Raises:
        LocalError: (local) it cannot be listened there.
    """
    tries = [port] if port is not None else [*range(preferred, preferred + _TRIES), 0]
    for number in tries:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, number), family=family, backlog=128)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or number == tries[-1]:
                raise LocalError(
                    f"Cannot listen at {host} port {number}: {error.strerror or error}", hint="Choose another --port"
                ) from error
    raise AssertionError("the last try returns or raises")


class WebServer:
    """Runs an application in a thread; a context manager, and closed when it is left.

    Args:
        app: The application.
        listening: Where to accept connections.
        certificate: File of the TLS certificate and its chain; empty for none.
        key: File of its private key.

    Raises:
        LocalError: (local) the certificate cannot be used.
    """

    def __init__(self, app: ASGIApp, listening: socket.socket, certificate: str = "", key: str = "") -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=int(HEAD_SECONDS),
            timeout_graceful_shutdown=LEAVE_SECONDS,
            ssl_certfile=certificate or None,
            ssl_keyfile=key or None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise LocalError(f"The certificate {certificate} with the key {key} cannot be used: {error}") from error
        self._server = uvicorn.Server(config)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[listening], name="catsync-web", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(_POLL)
        if self._failure is not None:
            raise LocalError(f"The web server did not start: {self._failure}") from self._failure

    def close(self) -> None:
        """Stop listening; answers that are under way get a moment to end."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, listening: Any) -> None:  # noqa: ANN401 - a socket; uvicorn's own type says no more
        try:
            self._server.run(sockets=[listening])
        except BaseException as error:  # noqa: BLE001 - told by whoever started the thread
            self._failure = error
