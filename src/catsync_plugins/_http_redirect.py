"""Where a redirect may lead, and what may be taken there; pure functions."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from catsync_core.backends.credentials import without_credentials
from catsync_core.errors import RemoteError

__all__ = ["redirect_target", "same_site"]

_PORTS = {"http": 80, "https": 443}
_HINT = "If this network wants a login first, log in with a browser; else correct the repository's address"


def redirect_target(url: str, location: str) -> str:
    """The URL that a redirect leads to, without credentials.

    Args:
        url: What was asked for.
        location: Value of ``Location``.

    Raises:
        RemoteError: (remote) it leads to no web address, or out of https.
    """
    host = urlsplit(url).hostname
    try:
        target = without_credentials(urljoin(url, location))
        scheme, _, _ = _origin(target)
    except ValueError as error:
        raise RemoteError(f"{host} redirects to {location[:64]!r}, which is no web address", hint=_HINT) from error
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise RemoteError(f"{host} redirects from https to http", hint=_HINT)
    return target


def same_site(old: str, new: str) -> bool:
    """Whether what one URL is trusted with may be sent to the other: the same origin, or its https twin."""
    old_scheme, old_host, old_port = _origin(old)
    new_scheme, new_host, new_port = _origin(new)
    if old_host != new_host:
        return False
    upgraded = (old_scheme, old_port, new_scheme, new_port) == ("http", 80, "https", 443)
    return upgraded or (old_scheme, old_port) == (new_scheme, new_port)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("no web address")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
