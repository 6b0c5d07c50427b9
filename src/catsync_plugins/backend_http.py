"""Backends ``http`` and ``https``: a repository on any static web server or CDN, to read only.

One request is one attempt: repeating is the wrapper's work. Nothing that the server says is believed without a check:
status, ``Content-Range`` and length must fit what was asked for, and no body is longer than its bound. Thread-safe;
connections are kept alive and shared between threads.
"""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from catsync_core import __version__
from catsync_core.backends.http_headers import parse_content_range, parse_retry_after
from catsync_core.backends.protocol import Capabilities, ObjectInfo, Reply, check_key
from catsync_core.backends.stall import refuse_stall
from catsync_core.errors import (
    AuthorisationError,
    IntegrityError,
    LimitError,
    MissingObjectError,
    NoConnectionError,
    RemoteError,
    ServerError,
    UnsupportedError,
    UsageError,
)
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.limits import LIMITS

if TYPE_CHECKING:
    import urllib3

__all__ = ["HttpBackend", "catsync_backends"]

CONNECT_SECONDS = 10.0
PIECE = 128 * 1024  # bytes per piece of a stream, at most
CONNECTIONS = 4
REDIRECTS = 5
TAIL = 16 * 1024  # bytes that are better read to the end than paid for with a new connection
_AGENT = "catsync/" + ".".join(__version__.split(".")[:2])
_MOVED = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_REFUSED = (401, 403, 407)
_BUSY = (408, 425, 429)
_PORTAL = 511
_PORTAL_HINT = "The network may want a login first: open any web page in a browser, log in, then repeat the command"
_TLS_HINT = "Check the address and this device's clock; a company network may need its certificate installed"


@hookimpl
def catsync_backends() -> Sequence[BackendEntry]:
    """Offer ``http`` and ``https``."""
    return [BackendEntry(scheme, open=HttpBackend, redact=redact) for scheme in ("http", "https")]


def redact(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class HttpBackend:
    """A repository on a web server.

    Args:
        url: Of the repository's folder; it may hold a user name and a password.
    """

    def __init__(self, url: str) -> None:
        self.url = redact(url).rstrip("/")
        self.capabilities = Capabilities(write=False, swap=False, connections=CONNECTIONS)
        self.ignores_ranges = False
        """Whether the server was seen to send a whole object when asked for a range."""
        self._credentials = _basic_credentials(urlsplit(url))
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, str], urllib3.PoolManager] = {}
        self._running: set[urllib3.BaseHTTPResponse] = set()
        self._closed = False

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """See :meth:`Backend.get`."""
        headers = {} if known_etag is None else {"If-None-Match": known_etag}
        with self._answer(key, headers) as response:
            if response.status == 304 and known_etag is not None:
                _settle(response)
                return Reply(b"", known_etag, modified=False)
            if response.status != 200:
                raise RemoteError(f"{self.url} answered {response.status} for {key}, which makes no sense")
            declared = response.length_remaining
            if declared is not None and declared > max_length:
                raise LimitError(f"{key} at {self.url} has {declared} bytes, more than the {max_length} allowed")
            body = bytearray()
            for piece in self._pieces(response, key):
                body += piece
                if len(body) > max_length:
                    raise LimitError(f"{key} at {self.url} is longer than the {max_length} bytes allowed")
            if key.endswith(".json") and body.lstrip()[:1] == b"<":
                raise NoConnectionError(f"{self.url} answered with a web page instead of {key}", hint=_PORTAL_HINT)
            return Reply(bytes(body), response.headers.get("ETag"))

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """See :meth:`Backend.read`.

        A server that sends the whole object instead of the range is listened to until the range is over.
        """
        stop = offset + length
        with self._answer(key, {"Range": f"bytes={offset}-{stop - 1}"}) as response:
            if response.status == 206:
                self._check_range(response, key, offset, stop)
                skip = 0
            else:
                self._check_whole(response, key, offset, stop)
                skip = offset
            missing = length
            for whole in self._pieces(response, key):
                piece = whole[skip : skip + missing]
                skip = max(0, skip - len(whole))
                missing -= len(piece)
                if piece:
                    yield piece
                if not missing:
                    break
            if missing:
                self._end_early(response, key, stop)
            _settle(response)

    def put(self, key: str, source: bytes | Path) -> None:  # noqa: ARG002 - as in the protocol
        """Refuse: see :meth:`Backend.put`."""
        self._refuse_change(key)

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:  # noqa: ARG002 - as in the protocol
        """Refuse: see :meth:`Backend.swap`."""
        self._refuse_change(key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002 - as in the protocol
        """Refuse: see :meth:`Backend.list`."""
        raise UnsupportedError(
            f"{self.url} cannot list its objects: it is a web server", hint="Do this in the folder that it serves"
        )

    def delete(self, key: str) -> None:
        """Refuse: see :meth:`Backend.delete`."""
        self._refuse_change(key)

    def close(self) -> None:
        """See :meth:`Backend.close`."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, set()
            routes, self._routes = self._routes, {}
        for response in running:
            _shut(response)
        for manager in routes.values():
            manager.clear()

    def _refuse_change(self, key: str) -> NoReturn:
        raise UnsupportedError(
            f"{key} cannot be changed at {self.url}: a web server is read-only",
            hint="Publish into the folder that the web server serves",
        )

    @contextmanager
    def _answer(self, key: str, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        """Ask for an object; statuses that tell of a failure become errors, and so does a break in the block."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - 40 ms that only a request needs

        response = None
        try:
            response = self._follow(f"{self.url}/{check_key(key)}", headers)
            with self._lock:
                self._running.add(response)
            self._check_status(response, key)
            yield response
        except HTTPError as error:
            raise self._lost(error, key) from error
        finally:
            if response is not None:
                with self._lock:
                    self._running.discard(response)
                response.close()  # a no-op when the body was read to its end
                response.release_conn()

    def _follow(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Send the request, and again where redirects lead."""
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        if self._credentials is not None:
            sent["Authorization"] = self._credentials
        for _ in range(REDIRECTS + 1):
            response = self._send(url, sent)
            location = response.headers.get("Location")
            if response.status not in _MOVED or location is None:
                return response
            _settle(response)
            response.close()
            response.release_conn()
            target = urljoin(url, location)
            self._check_redirect(url, target)
            if not _same_site(urlsplit(url), urlsplit(target)):
                sent.pop("Authorization", None)
            url = redact(target)
        raise RemoteError(f"{self.url} redirects more than {REDIRECTS} times", hint="Use the address it leads to")

    def _send(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        return self._route(url).request(
            "GET", url, headers=headers, preload_content=False, decode_content=False, redirect=False, retries=False
        )

    def _route(self, url: str) -> urllib3.PoolManager:
        """The connections that lead to the URL: direct ones, or those through the environment's proxy."""
        parts = urlsplit(url)
        proxy = _proxy_for(parts)
        with self._lock:
            if self._closed:
                raise NoConnectionError(f"The connection to {self.url} was closed")
            route = self._routes.get((parts.scheme, proxy))
            if route is None:
                route = self._routes[parts.scheme, proxy] = _make_route(parts.scheme, proxy)
            return route

    def _check_redirect(self, url: str, target: str) -> None:
        old, new = urlsplit(url), urlsplit(target)
        if new.scheme not in ("http", "https") or not new.hostname:
            raise RemoteError(f"{self.url} redirects to {new.scheme}:, which is no web address")
        if old.scheme == "https" and new.scheme != "https":
            raise RemoteError(f"{self.url} redirects from https to http at {new.hostname}", hint=_PORTAL_HINT)

    def _check_status(self, response: urllib3.BaseHTTPResponse, key: str) -> None:
        status = response.status
        page = response.headers.get("Content-Type", "").lower().startswith("text/html")
        if status == _PORTAL or (status in (200, 206) and page):
            raise NoConnectionError(f"{self.url} answered with a web page instead of {key}", hint=_PORTAL_HINT)
        if status in (200, 206, 304):
            encoding = response.headers.get("Content-Encoding", "identity").lower()
            if encoding != "identity":
                raise IntegrityError(
                    f"{self.url} sent {key} encoded as {encoding[:32]}",
                    hint="The web server must send the repository's files as they are, without compressing them",
                )
            return
        _settle(response)
        if status in _GONE:
            raise MissingObjectError(f"There is no {key} at {self.url}")
        if status in _REFUSED:
            raise AuthorisationError(f"{self.url} refused {key} (status {status})")
        if status == 416:
            raise IntegrityError(f"{key} at {self.url} is shorter than it should be")
        if status in _BUSY or status >= 500:
            after = parse_retry_after(response.headers.get("Retry-After", ""), time.time())
            raise ServerError(f"{self.url} answered {status} for {key}", retry_after=after)
        raise RemoteError(f"{self.url} answered {status} for {key}")

    def _check_range(self, response: urllib3.BaseHTTPResponse, key: str, start: int, stop: int) -> None:
        text = response.headers.get("Content-Range", "")
        found = parse_content_range(text)
        if found is None or found[:2] != (start, stop):
            raise IntegrityError(f"{self.url} sent {text[:64] or 'no range'} of {key} instead of {start}-{stop - 1}")
        if response.length_remaining not in (None, stop - start):
            raise IntegrityError(f"{self.url} sent {response.length_remaining} bytes of {key} for {stop - start}")

    def _check_whole(self, response: urllib3.BaseHTTPResponse, key: str, start: int, stop: int) -> None:
        if response.status != 200:
            raise RemoteError(f"{self.url} answered {response.status} for {key}, which makes no sense")
        length = response.length_remaining
        if length is not None and length < stop:
            raise IntegrityError(f"{key} at {self.url} has only {length} bytes of the {stop} that it should have")
        if start or length != stop:
            self.ignores_ranges = True

    def _end_early(self, response: urllib3.BaseHTTPResponse, key: str, stop: int) -> NoReturn:
        if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
            raise IntegrityError(f"{key} at {self.url} ends before byte {stop}")
        raise NoConnectionError(f"{self.url} broke off while sending {key}")

    def _pieces(self, response: urllib3.BaseHTTPResponse, key: str) -> Iterator[bytes]:
        """The body as it arrives: a full piece is not waited for, so that slow drops are seen."""
        return refuse_stall(iter(lambda: response.read1(PIECE), b""), f"{key} from {self.url}")

    def _lost(self, error: Exception, key: str) -> RemoteError:
        if self._closed:
            return NoConnectionError(f"The connection to {self.url} was closed")
        return _explain(error, f"{self.url} (asked for {key})")


def _basic_credentials(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _same_site(old: SplitResult, new: SplitResult) -> bool:
    """Whether credentials for the one may go to the other."""
    upgraded = (old.scheme, old.port, new.scheme, new.port) == ("http", None, "https", None)
    return old.hostname == new.hostname and (upgraded or (old.scheme, old.port) == (new.scheme, new.port))


def _proxy_for(parts: SplitResult) -> str:
    """The proxy that the environment (or the system) sets for the URL; empty when there is none."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - as urllib3

    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise UsageError(
            f"The proxy {redact(proxy)} is of a kind that catsync cannot use",
            hint="Set HTTP_PROXY and HTTPS_PROXY to an http:// address",
        )
    return proxy


def _make_route(scheme: str, proxy: str) -> urllib3.PoolManager:
    import urllib3  # noqa: PLC0415 - 40 ms that only a request needs

    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=LIMITS.stall_seconds)
    context = ssl.create_default_context() if scheme == "https" else None
    if not proxy:
        return urllib3.PoolManager(maxsize=CONNECTIONS, timeout=timeout, ssl_context=context)
    parts = urlsplit(proxy)
    credentials = _basic_credentials(parts)
    headers = {} if credentials is None else {"Proxy-Authorization": credentials}
    return urllib3.ProxyManager(
        redact(proxy), maxsize=CONNECTIONS, timeout=timeout, ssl_context=context, proxy_headers=headers
    )


def _settle(response: urllib3.BaseHTTPResponse) -> None:
    """Read a short rest in one go, so that the connection can be used again; a long or slow one is cut off."""
    rest = response.length_remaining
    if rest is not None and rest <= TAIL:
        response.read1(rest or 1)


def _shut(response: urllib3.BaseHTTPResponse) -> None:
    """Wake a thread that waits for the response."""
    try:
        response.shutdown()
    except (OSError, ValueError):  # it has just ended by itself
        return


def _explain(error: Exception, subject: str) -> RemoteError:
    """What a failed connection means, in words."""
    from urllib3 import exceptions  # noqa: PLC0415 - as above

    if isinstance(error, exceptions.ProxyError) and " 407 " in str(error.original_error):
        return AuthorisationError("The proxy wants a login", hint="Put it into HTTPS_PROXY: http://user:pass@host")
    if isinstance(error, exceptions.SSLError):
        return _explain_tls(error, subject)
    reasons: tuple[tuple[type[Exception], str], ...] = (  # children before their parents
        (exceptions.ProxyError, f"The proxy on the way to {subject} cannot be reached"),
        (exceptions.NameResolutionError, f"The name of the server is not known: {subject}"),
        (exceptions.NewConnectionError, f"No connection to {subject}: {error.__cause__ or error}"),
        (exceptions.ConnectTimeoutError, f"No connection to {subject} within {CONNECT_SECONDS:.0f} seconds"),
        (exceptions.ReadTimeoutError, f"{subject} stalled: nothing came for {LIMITS.stall_seconds:.0f} seconds"),
        (exceptions.ProtocolError, f"{subject} broke off: {error}"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return NoConnectionError(reason)
    return RemoteError(f"{subject} failed: {error}")


def _explain_tls(error: Exception, subject: str) -> RemoteError:
    """A wrong certificate stays wrong, so it is not tried again; a connection cut during the handshake is."""
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RemoteError(f"{subject} has no valid certificate: {cause.verify_message}", hint=_TLS_HINT)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return NoConnectionError(f"{subject} broke off during the TLS handshake")
    return RemoteError(f"No secure connection to {subject}: {cause}", hint=_TLS_HINT)
