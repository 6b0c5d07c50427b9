"""From a request to an answer, before any byte of it is sent.

Content is made by others, so it must not act in a browser: it is sent with ``Content-Security-Policy: sandbox``, which
keeps scripts, forms and pop-ups of HTML, SVG and XML from running. ``allow-same-origin`` lets such a page load its own
pictures and styles; without scripts it gains nothing else by it. So active types need not be sent as attachments, and a
catalog's HTML pages can be looked at. A sandbox concerns documents only: ``<img>``, ``<video>`` and ``fetch`` are as
they would be without. PDF is the exception: browsers do not open their viewer in a sandbox, and the viewer is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from email.message import Message

import msgspec

from catsync_core import CatsyncError, OpenFile, OpenVersion
from catsync_core.backends.http_headers import names_etag, parse_range
from catsync_core.errors import (
    AuthorisationError,
    CancelledError,
    ContentError,
    DamagedError,
    LockedError,
    MissingObjectError,
    NotFoundError,
    RemoteError,
    ServerError,
    TrustError,
)
from catsync_plugins.gateway import listing
from catsync_plugins.gateway.guard import Refusal, read_target
from catsync_plugins.gateway.media_types import PDF, media_type
from catsync_plugins.gateway.shelf import Shelf

__all__ = ["Answer", "answer_error", "answer_refusal", "find_answer"]

_SOON = "5"  # seconds
_EMBEDDERS = "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
_PASSIVE = f"script-src 'none'; base-uri 'none'; form-action 'none'; {_EMBEDDERS}"
_SANDBOX = (
    "sandbox allow-same-origin; default-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none';"
    f" {_PASSIVE}"
)
_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


class Answer(msgspec.Struct):
    """An answer before it is sent.

    Attributes:
        status: HTTP status.
        headers: Header fields, ``Content-Length`` included wherever there may be a body.
        body: In pieces; read to the end or closed by who sends it.
    """

    status: int
    headers: dict[str, str]
    body: Iterator[bytes] = msgspec.field(default_factory=lambda: iter(()))


def find_answer(shelf: Shelf, method: str, target: str, headers: Message, *, embedders: str = "") -> Answer:
    """Return the answer to a request that may be answered.

    Args:
        shelf: The catalogs.
        method: ``GET`` or ``HEAD``.
        target: As it stands in the request.
        headers: Of the request.
        embedders: Further origins, separated by blanks, that may show content in a frame.

    Raises:
        Refusal: there is no such path.
        CatsyncError: it cannot be had.
    """
    catalog, path = read_target(target)
    wants_json = "application/json" in headers.get("Accept", "")
    if not catalog:
        titles = shelf.titles()
        return _list(listing.catalogs_json(titles) if wants_json else listing.catalogs_page(titles), json=wants_json)
    version = shelf.open(catalog)
    try:
        file = _open(shelf, version, path)
    except NotFoundError:
        folder = listing.find_folder(version, path.removesuffix("/"))
        if folder is None:
            raise
        return _list(listing.folder_json(folder) if wants_json else listing.folder_page(folder), json=wants_json)
    return _answer_file(file, method, headers, embedders)


def answer_refusal(refusal: Refusal) -> Answer:
    """Return the answer to a request that is refused."""
    return _text(refusal.status, refusal.reason, {"Allow": "GET, HEAD"} if refusal.status == 405 else {})


def answer_error(error: CatsyncError) -> Answer:
    """Return the answer that tells of an error."""
    status = _status(error)
    wait = error.retry_after if isinstance(error, ServerError) else None
    return _text(status, str(error), {"Retry-After": f"{wait:.0f}" if wait else _SOON} if status == 503 else {})


def _status(error: CatsyncError) -> int:
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, ContentError | TrustError | DamagedError | AuthorisationError | MissingObjectError):
        return 502
    if isinstance(error, RemoteError | LockedError | CancelledError):
        return 503
    return 500


def _open(shelf: Shelf, version: OpenVersion, path: str) -> OpenFile:
    try:
        return version.open(path)
    except NotFoundError:
        current = shelf.open(version.catalog)
        if current is version:
            raise
        return current.open(path)  # the version was removed between the look and the opening


def _answer_file(file: OpenFile, method: str, headers: Message, embedders: str) -> Answer:
    etag = f'"{file.sha256}"'
    kind = media_type(file.path)
    fields = {
        **_COMMON,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # kept by whoever wants to, and asked about each time
        "Catsync-Version": str(file.version),
        "Content-Security-Policy": f"{_PASSIVE if kind == PDF else _SANDBOX} {embedders}".rstrip(),
    }
    if names_etag(headers.get("If-None-Match", ""), etag):
        file.close()
        return Answer(304, fields)
    fields["Content-Type"] = kind
    start, stop, status = 0, file.size, 200
    if method == "GET" and "Range" in headers and headers.get("If-Range", etag).strip() == etag:
        try:
            span = parse_range(headers["Range"], file.size)
        except ValueError:
            file.close()
            return _text(416, "The file is shorter", {"Content-Range": f"bytes */{file.size}"})
        if span is not None:
            (start, stop), status = span, 206
            fields["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    fields["Content-Length"] = str(stop - start)
    pieces = _read(file, start, stop)
    next(pieces)
    return Answer(status, fields, pieces)


def _read(file: OpenFile, start: int, stop: int) -> Iterator[bytes]:
    with closing(file):
        yield b""  # whoever makes this goes to here: from now on closing it closes the file
        yield from file.read_range(start, stop)


def _list(text: str, *, json: bool) -> Answer:
    kind = "application/json" if json else "text/html; charset=utf-8"
    return _whole(200, text, kind, {"Cache-Control": "no-store", "Vary": "Accept"})


def _text(status: int, text: str, extra: Mapping[str, str]) -> Answer:
    return _whole(status, f"{text}\n", "text/plain; charset=utf-8", {"Cache-Control": "no-store", **extra})


def _whole(status: int, text: str, kind: str, extra: Mapping[str, str]) -> Answer:
    body = text.encode()
    fields = {**_COMMON, "Content-Security-Policy": _PAGE, "Content-Type": kind, "Content-Length": str(len(body))}
    return Answer(status, fields | dict(extra), iter([body]))
