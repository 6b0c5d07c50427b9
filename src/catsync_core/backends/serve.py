"""A small static web server for a repository's directory.

It serves objects by key and nothing else: no listing, no dot files, no links, no queries. Ranges, ``ETag``,
``If-None-Match``, ``If-Range``, ``HEAD`` and kept-alive connections are what the ``http`` backend needs; header fields
that it does not need are left out, because small updates consist of little else. Every connection has a thread, so
that a slow client delays nobody, and there is a bound on both.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import msgspec

from catsync_core.backends.connections import BoundedServer
from catsync_core.backends.directory import open_object
from catsync_core.backends.http_headers import names_etag, parse_range
from catsync_core.errors import LocalError, NotFoundError, UsageError

__all__ = ["Answer", "RequestHandler", "Served", "Server", "serve"]

PIECE = 256 * 1024  # bytes per write
IDLE_SECONDS = 60.0  # until a connection without a word is closed
CONNECTIONS = 256  # at a time; a further one is closed at once
POLL_SECONDS = 0.02  # how soon closing is noticed
HASHED = 1024 * 1024  # bytes up to which an ETag comes from the content, as clocks are too coarse for quick changes


class Served(msgspec.Struct, frozen=True):
    """One answered request.

    Attributes:
        key: Of the object that was asked for.
        status: HTTP status.
        head: Bytes of the status line and the header fields.
        body: Bytes of the body that were sent.
    """

    key: str
    status: int
    head: int
    body: int


def _keep_no_log(served: Served) -> None:
    """Take a report and do nothing: the default."""


class Answer(msgspec.Struct):
    """An answer before it is sent.

    Attributes:
        status: HTTP status.
        headers: Header fields.
        body: In pieces.
    """

    status: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Iterator[bytes] = msgspec.field(default_factory=lambda: iter(()))


class RequestHandler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: _TcpServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with an object, a range of it, or the reason why not."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody reads the body, so no request can follow it
        key = unquote(urlsplit(self.path).path)[1:]
        try:
            file = open_object(self.server.directory, key)
        except (OSError, UsageError):
            self.send(key, Answer(404, {"Content-Length": "0"}))
            return
        with file:
            self.send(key, self._find(file))

    do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

    def send(self, key: str, answer: Answer) -> None:
        """Send an answer, its head together with the first piece of its body, and report it."""
        head = self.head(answer)
        sent = 0
        pieces = iter(()) if self.command == "HEAD" else answer.body
        try:
            first = next(pieces, b"")
            self.wfile.write(head + first)
            sent += len(first)
            for piece in pieces:
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:  # the client has gone, or sleeps
            self.close_connection = True
        finally:
            if self.command != "HEAD" and sent != int(answer.headers.get("Content-Length", sent)):
                self.close_connection = True  # the next answer would be taken for the rest of this one
            self.server.report(Served(key, answer.status, len(head), sent))

    def head(self, answer: Answer) -> bytes:
        """Status line and header fields as they are sent."""
        lines = [f"HTTP/1.1 {answer.status} "] + [f"{name}: {value}" for name, value in answer.headers.items()]
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as in the base class
        """Refuse what is no proper request; the base class calls this."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self.send("", Answer(code, {"Content-Length": "0"}))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as in the base class
        """Print nothing: :class:`Served` is the log."""

    def _find(self, file: io.FileIO) -> Answer:
        length = os.fstat(file.fileno()).st_size
        etag = _etag(file, length)
        if names_etag(self.headers.get("If-None-Match", ""), etag):
            return Answer(304, {"ETag": etag})
        start, stop, partial = 0, length, False
        if "Range" in self.headers and self.headers.get("If-Range", etag) == etag:
            try:
                span = parse_range(self.headers["Range"], length)
            except ValueError:
                return Answer(416, {"Content-Length": "0", "Content-Range": f"bytes */{length}"})
            if span is not None:
                (start, stop), partial = span, True
        headers = {"Content-Length": str(stop - start), "ETag": etag}
        if partial:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
        return Answer(206 if partial else 200, headers, _pieces(file, start, stop))


class Server:
    """A running web server; a context manager, and closed when it is left.

    Args:
        directory: What to serve.
        host: Address to listen at.
        port: 0 takes any free one.
        on_request: Called with every answered request, from the connection's thread.
        handler: What answers; a child of :class:`RequestHandler` can change the answers.

    Raises:
        NotFoundError: (local) there is no such directory.
        LocalError: (local) the address cannot be listened at.
    """

    def __init__(
        self,
        directory: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        on_request: Callable[[Served], None] = _keep_no_log,
        handler: type[RequestHandler] = RequestHandler,
    ) -> None:
        if not directory.is_dir():
            raise NotFoundError(f"There is no folder {directory}", hint="Give the folder of the repository")
        try:
            self._tcp = _TcpServer(directory.resolve(), host, port, on_request, handler)
        except (OSError, OverflowError) as error:
            raise LocalError(f"Cannot listen at {host} port {port}: {error}", hint="Choose another --port") from error
        bound = self._tcp.server_address[1]
        self.url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"
        """Where it can be reached; without a slash at the end."""
        self._thread = threading.Thread(
            target=self._tcp.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, name="catsync-serve", daemon=True
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


def serve(
    directory: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    on_request: Callable[[Served], None] = _keep_no_log,
) -> Server:
    """Start a web server for a repository's directory; see :class:`Server`."""
    return Server(directory, host, port, on_request=on_request)


class _TcpServer(BoundedServer):
    def __init__(
        self,
        directory: Path,
        host: str,
        port: int,
        report: Callable[[Served], None],
        handler: type[RequestHandler],
    ) -> None:
        self.directory = directory
        self.report = report
        super().__init__((host, port), handler, CONNECTIONS)


def _etag(file: io.FileIO, length: int) -> str:
    if length <= HASHED:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:16]}"'
    return f'"{length:x}-{os.fstat(file.fileno()).st_mtime_ns:x}"'


def _pieces(file: io.FileIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop and (piece := file.read(min(PIECE, stop - start))):
        start += len(piece)
        yield piece
