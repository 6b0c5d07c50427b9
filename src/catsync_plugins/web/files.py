"""The page's own files, read once: there are few of them, and nothing in a request leads to a path.

The page names its files below a folder that is called after their content, so a browser may keep them for ever, and
never mixes those of two versions.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Self

import msgspec

from catsync_core.backends.http_headers import names_etag
from catsync_plugins.gateway.media_types import media_type

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["StaticFiles", "read_static"]

_NAMED = re.compile(rb'(href|src)="([a-z0-9]+\.(?:css|js|svg))"')


def read_static() -> dict[str, bytes]:
    """Return the files by name."""
    folder = files("catsync_plugins.web") / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


class StaticFiles:
    """An ASGI application that serves them."""

    def __init__(self) -> None:
        files = read_static()
        folder = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
        files["index.html"] = _NAMED.sub(rb'\1="' + folder.encode() + rb'/\2"', files["index.html"])
        self._folder = f"{folder}/"
        self._files = {name: _File.make(name, data) for name, data in files.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.responses import Response  # noqa: PLC0415 - heavy, and there while a server runs

        name = scope["path"].removeprefix("/") or "index.html"
        file = self._files.get(name.removeprefix(self._folder))
        if file is None:
            response = Response("There is no such page\n", 404, {"Cache-Control": "no-store"}, "text/plain")
            await response(scope, receive, send)
            return
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        lasting = "public, max-age=31536000, immutable" if name.startswith(self._folder) else "no-cache"
        headers = {"ETag": file.etag, "Cache-Control": lasting, "Vary": "Accept-Encoding"}
        if names_etag(asked.get(b"if-none-match", ""), file.etag):
            response = Response(b"", 304, headers)
        elif "gzip" in asked.get(b"accept-encoding", ""):
            response = Response(file.packed, 200, headers | {"Content-Encoding": "gzip"}, file.kind)
        else:
            response = Response(file.data, 200, headers, file.kind)
        await response(scope, receive, send)


class _File(msgspec.Struct, frozen=True):
    data: bytes
    packed: bytes
    etag: str
    kind: str

    @classmethod
    def make(cls, name: str, data: bytes) -> Self:
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        return cls(data, gzip.compress(data, mtime=0), etag, media_type(name))
