"""Who may ask, and for what: everything about a request that can be judged before a catalog is looked at.

Any web page that is open in a browser can send requests to this device, and by DNS rebinding make the browser believe
that the gateway is its own server. So a request must name the gateway as its host, port included, and what a browser
marks as coming from another site is refused, unless the user follows a link. ``localhost`` and ``127.0.0.1`` are two
sites for a browser: an app embeds content under the name that it has itself, or its origin is allowed by the user.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from email.message import Message
from urllib.parse import unquote_to_bytes

import msgspec

__all__ = ["Guard", "Refusal", "read_target"]

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class Refusal(Exception):  # noqa: N818 - it is an answer, and not the program's error
    """A request that gets no other answer than a status.

    Args:
        status: HTTP status.
        reason: For whoever wrote the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard(msgspec.Struct, frozen=True):
    """Judges requests.

    Attributes:
        port: Where the gateway listens.
        origins: Of web apps that may read.
    """

    port: int
    origins: tuple[str, ...] = ()

    def check(self, headers: Message) -> None:
        """Let a request pass.

        Raises:
            Refusal: it is refused.
        """
        self._check_host(headers.get_all("Host", []))
        if headers.get("Content-Length", "0").strip() != "0" or "Transfer-Encoding" in headers:
            raise Refusal(400, "A request has no body here")
        if self.allowed_origin(headers) is None and headers.get("Sec-Fetch-Site", "") == "cross-site":
            followed = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
            if not followed:
                raise Refusal(403, "Another web site asks; --allow-origin lets an app of yours do so")

    def allowed_origin(self, headers: Message) -> str | None:
        """Return the origin that asks, if the user allowed it."""
        origin = headers.get("Origin")
        return origin if origin in self.origins else None

    def _check_host(self, hosts: Sequence[str]) -> None:
        if len(hosts) != 1:
            raise Refusal(400, "A request names one host")
        names = ("127.0.0.1", "localhost")
        known = {f"{name}:{self.port}" for name in names} | (set(names) if self.port == 80 else set())
        if hosts[0].strip().lower() not in known:
            raise Refusal(421, "This is not the host that is asked for")


def read_target(target: str) -> tuple[str, str]:
    """Return the catalog and the path in it that a request's target names; both may be empty.

    Nothing here leads to a file: names are looked up in what the catalog contains. What no catalog can contain is
    refused all the same, before anybody gets to see it. A query is ignored.

    Raises:
        Refusal: no catalog can have such a path.
    """
    raw = target.partition("?")[0].partition("#")[0]
    if not raw.startswith("/") or _BAD_ESCAPE.search(raw) or _FORBIDDEN.search(raw):
        raise Refusal(400, "That is no path")
    try:
        names = [unquote_to_bytes(name).decode() for name in raw[1:].split("/")]
    except UnicodeDecodeError:
        raise Refusal(400, "The path is not UTF-8") from None
    if any("/" in name or _FORBIDDEN.search(name) for name in names):
        raise Refusal(400, "That is no path")
    catalog, *inner = names
    if any(name in {".", ".."} for name in names) or "" in [catalog, *inner][:-1]:
        raise Refusal(404, "There is no such path")
    return catalog, unicodedata.normalize("NFC", "/".join(inner))
