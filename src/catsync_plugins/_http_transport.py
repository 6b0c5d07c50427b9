"""One HTTP request and its answer: connections, proxies, TLS, and what went wrong in words.

No repetition, no redirects: those are decisions, and made elsewhere. Thread-safe. It loads urllib3, so it is imported
with the first request and not before.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import HTTPResponse

from catsync_core.backends.credentials import basic_credentials, without_credentials
from catsync_core.errors import AuthorisationError, NoConnectionError, RemoteError
from catsync_core.limits import LIMITS
from catsync_plugins._http_early import CONNECT_SECONDS, EarlyConnection
from catsync_plugins._http_proxy import find_proxy

__all__ = ["HTTPError", "HTTPResponse", "Transport", "explain"]

PROXY_SECONDS = 10.0  # how long a choice of proxy holds: asking takes a quarter of a request, and laptops move
HEAD_SECONDS = LIMITS.stall_seconds  # for the whole head of an answer, in however many drops
_TLS_HINT = "Check the address and this device's clock; a company network may need its certificate installed"


class Transport:
    """Connections to any number of servers, kept open for the next request.

    Args:
        connections: How many to keep open to one server.
        early: A connection that was begun before; whoever connects to that server first takes it over.
    """

    def __init__(self, connections: int, early: EarlyConnection | None = None) -> None:
        self._connections = connections
        self._early = early
        self._watch = _Watch()
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, str], urllib3.PoolManager] = {}  # by scheme and proxy
        self._chosen: dict[tuple[str, str], tuple[float, urllib3.PoolManager]] = {}  # by scheme and host, since when

    def request(
        self, url: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes | None = None
    ) -> HTTPResponse:
        """Send a request and return when the head of the answer is there; the caller closes the answer.

        Raises:
            HTTPError: there is no answer; :func:`explain` says why.
            UsageError: (local) the environment names a proxy that cannot be used.
        """
        response = self._route(urlsplit(url)).request(
            method,
            url,
            body=body,
            headers=headers,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
        )
        assert isinstance(response, HTTPResponse)  # noqa: S101 - HTTP/2 is the one other kind, and not switched on
        return response

    def close(self) -> None:
        """Cut all connections; whoever waits for one of them gets an error at once."""
        with self._lock:
            routes = tuple(self._routes.values())
        self._watch.close()
        if self._early is not None:
            self._early.close()
        for route in routes:
            route.clear()

    def _route(self, parts: SplitResult) -> urllib3.PoolManager:
        with self._lock:
            chosen = self._chosen.get((parts.scheme, parts.netloc))
            if chosen is not None and time.monotonic() - chosen[0] < PROXY_SECONDS:
                return chosen[1]
            proxy = find_proxy(parts)
            route = self._routes.get((parts.scheme, proxy))
            if route is None:
                route = self._routes[parts.scheme, proxy] = self._make_route(parts.scheme, proxy)
            self._chosen[parts.scheme, parts.netloc] = (time.monotonic(), route)
            return route

    def _make_route(self, scheme: str, proxy: str) -> urllib3.PoolManager:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=LIMITS.stall_seconds)
        context = ssl.create_default_context() if scheme == "https" else None
        route: urllib3.PoolManager
        if proxy:
            credentials = basic_credentials(proxy)
            route = urllib3.ProxyManager(
                without_credentials(proxy),
                maxsize=self._connections,
                timeout=timeout,
                ssl_context=context,
                proxy_headers={} if credentials is None else {"Proxy-Authorization": credentials},
            )
        else:
            route = urllib3.PoolManager(maxsize=self._connections, timeout=timeout, ssl_context=context)
        route.pool_classes_by_scheme = _watched_pools(self._watch, self._early)
        return route


class _Watch:
    """Sees to it that no head of an answer takes for ever, and that closing wakes everyone up.

    A socket's timeout starts anew with every byte, so a server that sends one byte after the other holds a thread for
    days. One thread, started when it is first needed and asleep while nobody waits, cuts such connections.
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
        # TLS within TLS, to an https proxy, is no socket but has one.
        socket.socket.shutdown(getattr(connection, "socket", connection), socket.SHUT_RDWR)
    except OSError:  # it has just ended by itself
        return


def _watched_pools(watch: _Watch, early: EarlyConnection | None) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections the watch knows."""

    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _take_over(early, self) or super()._new_conn()

        def connect(self) -> None:
            super().connect()
            watch.follow(self.sock)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides it likewise
            with watch.limit(self.sock):
                return super().getresponse()

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _take_over(early, self) or super()._new_conn()

        def connect(self) -> None:
            super().connect()
            watch.follow(self.sock)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides it likewise
            with watch.limit(self.sock):
                return super().getresponse()

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _take_over(early: EarlyConnection | None, connection: HTTPConnection) -> socket.socket | None:
    if early is None:
        return None
    try:
        made = early.take(connection.host, connection.port)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, str(error)) from error
    if made is not None:
        for option in connection.socket_options or ():
            made.setsockopt(*option)
    return made


def explain(error: HTTPError, subject: str) -> RemoteError:
    """What a failed connection means, in words.

    Args:
        error: What urllib3 raised.
        subject: Whom was asked for what.
    """
    if isinstance(error, ProxyError) and " 407 " in str(error.original_error):
        return AuthorisationError("The proxy wants a login", hint="Put it into HTTPS_PROXY: http://user:pass@host")
    if isinstance(error, SSLError):
        return _explain_tls(error, subject)
    reasons: tuple[tuple[type[HTTPError], str], ...] = (  # children before their parents
        (ProxyError, f"The proxy on the way to {subject} cannot be reached"),
        (NameResolutionError, f"The name of the server is not known: {subject}"),
        (NewConnectionError, f"No connection to {subject}: {error.__cause__ or error}"),
        (ConnectTimeoutError, f"No connection to {subject} within {CONNECT_SECONDS:.0f} seconds"),
        (ReadTimeoutError, f"{subject} stalled: nothing useful came for {LIMITS.stall_seconds:.0f} seconds"),
        (ProtocolError, f"{subject} broke off: {error.args[-1] if error.args else error}"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return NoConnectionError(reason)
    return RemoteError(f"{subject} failed: {error}")


def _explain_tls(error: SSLError, subject: str) -> RemoteError:
    """A wrong certificate stays wrong, so it is not tried again; a connection cut during the handshake is."""
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RemoteError(f"{subject} has no valid certificate: {cause.verify_message}", hint=_TLS_HINT)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return NoConnectionError(f"{subject} broke off during the TLS handshake")
    return RemoteError(f"No secure connection to {subject}: {cause}", hint=_TLS_HINT)
