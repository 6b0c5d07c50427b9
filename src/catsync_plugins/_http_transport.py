"""One HTTP request and its answer, over connections that are kept for the next one.

No repetition, no redirects: those are decisions, and made elsewhere. Thread-safe. It loads Python's HTTP client, so it
is imported with the first request and not before.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from urllib.parse import SplitResult, quote, urlsplit

from catsync_plugins._http_connect import ExchangeError, Route, TransportError, connect, explain
from catsync_plugins._http_early import EarlyConnection
from catsync_plugins._http_proxy import find_proxy
from catsync_plugins._http_watch import Watch

__all__ = ["Answer", "Transport", "TransportError", "explain"]

PROXY_SECONDS = 10.0  # how long a choice of proxy holds: asking takes a quarter of a request, and laptops move
_PLAIN = "/%:@!$&'()*+,;=~?[]"  # characters of a path and query that stand for themselves, or are encoded already


class Transport:
    """Connections to any number of servers, kept open for the next request.

    Args:
        connections: How many to keep open to one server.
        early: A connection that was begun before; whoever connects to that server first takes it over.
    """

    def __init__(self, connections: int, early: EarlyConnection | None = None) -> None:
        self._connections = connections
        self._early = early
        self._watch = Watch()
        self._lock = threading.Lock()
        self._kept: dict[Route, list[HTTPConnection]] = defaultdict(list)
        self._chosen: dict[tuple[str, str], tuple[float, Route]] = {}  # by scheme and server, since when
        weakref.finalize(self, _close_all, self._kept)

    def request(
        self, url: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        """Send a request and return when the head of the answer is there; the caller closes the answer.

        Raises:
            TransportError: there is no answer; :func:`explain` says why.
            UsageError: (local) the environment names a proxy that cannot be used.
        """
        parts = urlsplit(url)
        route = self._choose(parts)
        connection = self._take(route) or self._connect(route)
        try:
            fields = {"Host": route.site, **headers, **(route.login if route.relayed else {})}
            if body is not None:
                fields["Content-Length"] = f"{len(body)}"
            connection.putrequest(method, _name_target(parts, route), skip_host=True, skip_accept_encoding=True)
            for name, value in fields.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            with self._watch.limit(connection.sock):
                response = connection.getresponse()
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            raise ExchangeError from error
        except BaseException:
            connection.close()
            raise
        answer = Answer(self, route, connection, response)
        if not _has_one_length(answer.headers):
            answer.close()
            raise ExchangeError from HTTPException("the fields Content-Length contradict each other")
        return answer

    def close(self) -> None:
        """Cut all connections; whoever waits for one of them gets an error at once."""
        self._watch.close()
        if self._early is not None:
            self._early.close()
        with self._lock:
            _close_all(self._kept)

    def keep(self, route: Route, connection: HTTPConnection) -> None:
        """Keep a connection that is ready for another request, or close it where there are enough."""
        with self._lock:
            kept = self._kept[route]
            if len(kept) < self._connections:
                kept.append(connection)
                return
        connection.close()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _choose(self, parts: SplitResult) -> Route:
        with self._lock:
            chosen = self._chosen.get((parts.scheme, parts.netloc))
            if chosen is not None and time.monotonic() - chosen[0] < PROXY_SECONDS:
                return chosen[1]
            route = Route.to(parts, find_proxy(parts))
            self._chosen[parts.scheme, parts.netloc] = (time.monotonic(), route)
            return route

    def _take(self, route: Route) -> HTTPConnection | None:
        while True:
            with self._lock:
                kept = self._kept[route]
                if not kept:
                    return None
                connection = kept.pop()
            if not _has_ended(connection.sock):
                return connection
            connection.close()

    def _connect(self, route: Route) -> HTTPConnection:
        secure = "https" in (route.scheme, urlsplit(route.proxy).scheme)
        made = connect(route, self._early, self._context if secure else None)
        self._watch.follow(made)
        connection = HTTPConnection(route.host, route.port)
        connection.sock = made
        return connection


class Answer:
    """The answer to a request: its head, and its body as it arrives. Close it.

    Attributes:
        status: Its status.
        headers: Its header fields.
    """

    def __init__(self, transport: Transport, route: Route, connection: HTTPConnection, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers: HTTPMessage = response.headers
        self._connection = connection
        self._transport = transport
        self._route = route
        self._response = response
        self._closed = False

    @property
    def length_remaining(self) -> int | None:
        """Bytes of the body that are still to come; None where nobody said how many there are."""
        return self._response.length

    def read1(self, most: int) -> bytes:
        """Return what has arrived of the body, at most so many bytes; nothing at its end.

        Raises:
            TransportError: it ends too early, or nothing arrives.
        """
        try:
            data = self._response.read1(most)
        except (OSError, HTTPException, ValueError, AttributeError) as error:  # the last: it is closed meanwhile
            raise ExchangeError from error
        if not data and self._response.length:
            raise ExchangeError from HTTPException(f"{self._response.length:,} bytes are missing")
        return data

    def close(self) -> None:
        """Give the connection back where the body was read to its end, else close it."""
        if self._closed:
            return
        self._closed = True
        left = self._response.length
        whole = self._response.isclosed() if left is None else not left
        self._response.close()
        if whole and not self._response.will_close:
            self._transport.keep(self._route, self._connection)
        else:
            self._connection.close()


def _name_target(parts: SplitResult, route: Route) -> str:
    """Return what a request asks for: a path, or for a proxy the whole URL."""
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PLAIN)
    return f"{route.scheme}://{route.site}{path}" if route.relayed else path


def _has_one_length(headers: HTTPMessage) -> bool:
    return len({length.strip() for field in headers.get_all("Content-Length", ()) for length in field.split(",")}) <= 1


def _close_all(kept: dict[Route, list[HTTPConnection]]) -> None:
    while kept:
        _, connections = kept.popitem()
        for connection in connections:
            connection.close()


def _has_ended(connection: socket.socket) -> bool:
    """Whether a connection on which nothing is asked has something to say: then it is that it has ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))
