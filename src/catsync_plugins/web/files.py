"""The page's own files, read once: there are few of them, and nothing in a request leads to a path."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from catsync_core.backends.http_headers import names_etag
from catsync_plugins.gateway.media_types import media_type

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["StaticFiles", "read_static"]

_MANIFEST = "application/manifest+json"


def read_static() -> dict[str, bytes]:
    """Return the files by name."""
    folder = files("catsync_plugins.web") / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


class StaticFiles:
    """An ASGI application that serves them; a browser keeps them and asks each time whether they changed."""

    def __init__(self) -> None:
        self._files = {
            name: (data, f'"{hashlib.sha256(data).hexdigest()[:32]}"', _kind(name))
            for name, data in read_static().items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.responses import Response  # noqa: PLC0415 - heavy, and there while a server runs

        name = scope["path"].removeprefix("/") or "index.html"
        found = self._files.get(name)
        if found is None:
            response = Response("There is no such page\n", 404, {"Cache-Control": "no-store"}, "text/plain")
        else:
            data, etag, kind = found
            asked = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
            headers = {"ETag": etag, "Cache-Control": "no-cache"}
            same = names_etag(asked, etag)
            response = Response(b"" if same else data, 304 if same else 200, headers, None if same else kind)
        await response(scope, receive, send)


def _kind(name: str) -> str:
    return _MANIFEST if name.endswith(".webmanifest") else media_type(name)
