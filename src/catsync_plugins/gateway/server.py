"""The gateway's sockets: a thread for each connection, with a bound on their number and a deadline on each step."""

from __future__ import annotations

import http.server
import io
import socket
import threading
import time
from collections.abc import Callable
from email.message import Message
from types import TracebackType
from typing import Any, Self

from catsync_core import CatsyncError, Client
from catsync_core.backends.connections import BoundedServer
from catsync_core.errors import LocalError
from catsync_plugins.gateway.answers import Answer, answer_error, answer_refusal, find_answer
from catsync_plugins.gateway.guard import Guard, Refusal
from catsync_plugins.gateway.shelf import Shelf

__all__ = ["Gateway", "TimedInput"]

HOST = "127.0.0.1"
REQUEST_SECONDS = 30.0  # from one answer to the end of the next request's head
SEND_SECONDS = 60.0  # for one piece of an answer; a player that pauses for longer asks again
CONNECTIONS = 64  # at a time; a further one is closed at once
POLL_SECONDS = 0.02  # how soon closing is noticed


class TimedInput(io.RawIOBase):
    """What a client sends, until a deadline: one that sends a byte now and then cannot stay.

    Args:
        connection: To the client.
        seconds: Until the deadline, from the last :meth:`restart`.
        clock: Seconds, monotonic.
    """

    def __init__(self, connection: socket.socket, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._connection = connection
        self._seconds = seconds
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Let the time begin again."""
        self._deadline = self._clock() + self._seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - as in the base class
        """Fill a buffer with what has arrived.

        Raises:
            TimeoutError: the time is over.
        """
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError("The request takes too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: _TcpServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._input = TimedInput(self.connection, REQUEST_SECONDS)
        self.rfile.close()
        self.rfile = io.BufferedReader(self._input)

    def handle_one_request(self) -> None:
        self._input.restart()
        super().handle_one_request()

    def do_GET(self) -> None:
        try:
            self.server.guard.check(self.headers)
            embedders = " ".join(self.server.guard.origins)
            answer = find_answer(self.server.shelf, self.command, self.path, self.headers, embedders=embedders)
        except Refusal as refusal:
            self.close_connection = True  # nobody reads what may still come
            answer = answer_refusal(refusal)
        except CatsyncError as error:
            answer = answer_error(error)
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as in the base class
        """Refuse what is no proper request, or another method; the base class calls this."""
        self.close_connection = True
        self.headers = getattr(self, "headers", None) or Message()
        self.command = getattr(self, "command", None) or "GET"
        status = 405 if code == http.HTTPStatus.NOT_IMPLEMENTED else code
        self._send(answer_refusal(Refusal(status, http.HTTPStatus(status).phrase)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as in the base class
        """Print nothing."""

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(SEND_SECONDS)
        pieces = answer.body
        try:
            first = b""
            if self.command != "HEAD":
                try:
                    first = next((piece for piece in pieces if piece), b"")
                except CatsyncError as error:  # found out before anything was sent: so it can still be told
                    answer = answer_error(error)
                    pieces = answer.body
                    first = next(pieces)
            self.wfile.write(self._head(answer) + first)
            sent = len(first)
            if self.command != "HEAD":
                for piece in pieces:
                    self.wfile.write(piece)
                    sent += len(piece)
                if sent != int(answer.headers.get("Content-Length", "0")):
                    self.close_connection = True
        except (
            OSError,
            CatsyncError,
        ):  # the client has gone or sleeps, or content stopped: a cut is all that can be told
            self.close_connection = True
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _head(self, answer: Answer) -> bytes:
        fields = dict(answer.headers)
        origin = self.server.guard.allowed_origin(self.headers)
        if self.server.guard.origins:
            fields["Vary"] = f"{fields['Vary']}, Origin" if "Vary" in fields else "Origin"
        if origin is not None:
            fields["Access-Control-Allow-Origin"] = origin
            fields["Access-Control-Expose-Headers"] = "Accept-Ranges, Catsync-Version, Content-Range, ETag"
        if self.close_connection:
            fields["Connection"] = "close"
        phrase = http.HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Gateway:
    """A running gateway; a context manager, and closed when it is left.

    Args:
        client: The device; nobody else uses it meanwhile.
        port: 0 takes any free one.
        origins: Of web apps that may read.

    Raises:
        LocalError: (local) the port cannot be listened at.
    """

    def __init__(self, client: Client, port: int = 0, origins: tuple[str, ...] = ()) -> None:
        try:
            self._tcp = _TcpServer(Shelf(client), port, origins)
        except (OSError, OverflowError) as error:
            raise LocalError(f"Cannot listen at {HOST} port {port}: {error}", hint="Choose another --port") from error
        self.url = f"http://{HOST}:{self._tcp.guard.port}"
        """Where it can be reached; without a slash at the end."""
        self._thread = threading.Thread(
            target=self._tcp.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, name="catsync-gateway", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._tcp.shutdown()
        self._tcp.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _TcpServer(BoundedServer):
    def __init__(self, shelf: Shelf, port: int, origins: tuple[str, ...]) -> None:
        self.shelf = shelf
        super().__init__((HOST, port), _Handler, CONNECTIONS)
        self.guard = Guard(self.server_address[1], origins)
