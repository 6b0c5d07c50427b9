"""Backends ``http`` and ``https``: a repository on any static web server or CDN, to read only.

One request is one attempt: repeating is the wrapper's work. Nothing that the server says is believed without a check:
status, ``Content-Range`` and length must fit what was asked for, and no body is longer than its bound. Thread-safe;
connections are kept open and shared between threads.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from catsync_core import __version__
from catsync_core.backends.credentials import basic_credentials, without_credentials
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
from catsync_plugins._http_redirect import redirect_target, same_site

if TYPE_CHECKING:
    from catsync_plugins._http_early import EarlyConnection
    from catsync_plugins._http_transport import Answer, Transport

__all__ = ["HttpBackend", "catsync_backends"]

PIECE = 512 * 1024  # bytes per piece of a stream, at most: each is handled by many hands
CONNECTIONS = 4
REDIRECTS = 5
TAIL = 16 * 1024  # bytes that are better read to the end than paid for with a new connection
_CLIENT = "http.client"  # what takes long to load
_AGENT = "catsync/" + ".".join(__version__.split(".")[:2])
_MOVED = (301, 302, 303, 307, 308)
_MOVED_FOR_GOOD = (301, 308)
_GONE = (404, 410)
_REFUSED = (401, 403, 407)
_BUSY = (408, 425, 429)
_PORTAL = 511
_ETAG = re.compile(r"[\x20-\x7e\x80-\xff]{1,256}")  # what can be sent back in one line
_PORTAL_HINT = "The network may want a login first: open any web page in a browser, log in, then repeat the command"


@hookimpl
def catsync_backends() -> Sequence[BackendEntry]:
    """Offer ``http`` and ``https``."""
    return [BackendEntry(scheme, open=HttpBackend, redact=without_credentials) for scheme in ("http", "https")]


class _Site(msgspec.Struct, frozen=True):
    """Where requests go: the folder's URL, and the ``Authorization`` that it may see."""

    url: str
    credentials: str | None


class HttpBackend:
    """A repository on a web server.

    Args:
        url: Of the repository's folder; it may hold a user name and a password.
    """

    def __init__(self, url: str) -> None:
        self.url = without_credentials(url).rstrip("/")
        self.capabilities = Capabilities(write=False, swap=False, connections=CONNECTIONS)
        self.ignores_ranges = False
        """Whether the server was seen to send a whole object when asked for a range."""
        self._site = _Site(self.url, basic_credentials(url))
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._closed = False

    def prepare(self) -> None:
        """See :meth:`BackendWrapper.prepare`."""
        with self._lock, suppress(UsageError):  # what is wrong with the proxy is told when something is asked
            if not self._closed and self._transport is None:
                self._transport = self._make_transport(self._connect_early())

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
            if self._closed:  # without a declared length, the cut looks like the end
                raise self._closed_error()
            if key.endswith(".json") and body.lstrip()[:1] == b"<":
                raise NoConnectionError(f"{self.url} answered with a web page instead of {key}", hint=_PORTAL_HINT)
            etag = response.headers.get("ETag", "")
            return Reply(bytes(body), etag if _ETAG.fullmatch(etag) else None)

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
            transport = self._transport
        if transport is not None:
            transport.close()

    def _refuse_change(self, key: str) -> NoReturn:
        raise UnsupportedError(
            f"{key} cannot be changed at {self.url}: a web server is read-only",
            hint="Publish into the folder that the web server serves",
        )

    @contextmanager
    def _answer(self, key: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Ask for an object; statuses that tell of a failure become errors, and so does a break in the block."""
        transport = self._open_transport()
        from catsync_plugins._http_transport import TransportError, explain  # noqa: PLC0415 - only a request needs it

        response = None
        try:
            response = self._follow(transport, check_key(key), headers)
            self._check_status(response, key)
            yield response
        except TransportError as error:
            if self._closed:
                raise self._closed_error() from error
            raise explain(error, f"{self.url} (asked for {key})") from error
        finally:
            if response is not None:
                response.close()

    def _follow(self, transport: Transport, key: str, headers: Mapping[str, str]) -> Answer:
        """Send the request, and again where redirects lead."""
        site = self._site
        url = f"{site.url}/{key}"
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        if site.credentials is not None:
            sent["Authorization"] = site.credentials
        for_good = True
        for _ in range(REDIRECTS + 1):
            response = transport.request(url, sent)
            location = response.headers.get("Location")
            if response.status not in _MOVED or location is None:
                return response
            _settle(response)
            response.close()
            target = redirect_target(url, location)
            if not same_site(url, target):
                sent.pop("Authorization", None)
            url = target
            for_good = for_good and response.status in _MOVED_FOR_GOOD
            if for_good and url.endswith(f"/{key}"):
                self._site = _Site(url.removesuffix(f"/{key}"), sent.get("Authorization"))
        raise RemoteError(f"{self.url} redirects more than {REDIRECTS} times", hint="Use the address it leads to")

    def _open_transport(self) -> Transport:
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if self._transport is None:
                self._transport = self._make_transport(None if _CLIENT in sys.modules else self._connect_early())
            return self._transport

    def _connect_early(self) -> EarlyConnection | None:
        from catsync_plugins._http_early import connect_early  # noqa: PLC0415 - only a request needs it

        return connect_early(self._site.url)

    @staticmethod
    def _make_transport(early: EarlyConnection | None) -> Transport:
        from catsync_plugins._http_transport import Transport  # noqa: PLC0415 - loaded while that connection is made

        return Transport(2 * CONNECTIONS, early)  # more than one job may read at a time

    def _closed_error(self) -> NoConnectionError:
        return NoConnectionError(f"The connection to {self.url} was closed")

    def _check_status(self, response: Answer, key: str) -> None:
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

    def _check_range(self, response: Answer, key: str, start: int, stop: int) -> None:
        text = response.headers.get("Content-Range", "")
        found = parse_content_range(text)
        if found is None or found[:2] != (start, stop):
            raise IntegrityError(f"{self.url} sent {text[:64] or 'no range'} of {key} instead of {start}-{stop - 1}")
        if response.length_remaining not in (None, stop - start):
            raise IntegrityError(f"{self.url} sent {response.length_remaining} bytes of {key} for {stop - start}")

    def _check_whole(self, response: Answer, key: str, start: int, stop: int) -> None:
        if response.status != 200:
            raise RemoteError(f"{self.url} answered {response.status} for {key}, which makes no sense")
        length = response.length_remaining
        if length is not None and length < stop:
            raise IntegrityError(f"{key} at {self.url} has only {length} bytes of the {stop} that it should have")
        if start or length != stop:
            self.ignores_ranges = True

    def _end_early(self, response: Answer, key: str, stop: int) -> NoReturn:
        if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
            raise IntegrityError(f"{key} at {self.url} ends before byte {stop}")
        raise NoConnectionError(f"{self.url} broke off while sending {key}")

    def _pieces(self, response: Answer, key: str) -> Iterator[bytes]:
        """The body as it arrives: a full piece is not waited for, so that slow drops are seen."""
        return refuse_stall(iter(lambda: response.read1(PIECE), b""), f"{key} from {self.url}")


def _settle(response: Answer) -> None:
    """Read a short rest in one go, so that the connection can be used again; a long or slow one is cut off."""
    rest = response.length_remaining
    if rest is not None and rest <= TAIL:
        response.read1(rest or 1)
