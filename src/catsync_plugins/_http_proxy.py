"""Which proxy a request goes through: what the environment says, or the system's settings."""

from __future__ import annotations

import os
import sys
from urllib.parse import SplitResult, urlsplit

from catsync_core.backends.credentials import without_credentials
from catsync_core.errors import UsageError

__all__ = ["find_proxy"]


def find_proxy(parts: SplitResult) -> str:
    """Return the URL of the proxy that is set for a URL; empty when there is none.

    Args:
        parts: Of the URL to be asked for.

    Raises:
        UsageError: (local) it is of a kind that cannot be used.
    """
    if not _may_be_set():
        return ""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - it loads all of HTTP

    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_usable(proxy, parts.scheme):
        raise UsageError(
            f"The proxy {_show(proxy)} is of a kind that catsync cannot use",
            hint="Set HTTP_PROXY and HTTPS_PROXY to an http:// address",
        )
    return proxy


def _is_usable(proxy: str, scheme: str) -> bool:
    """Whether it can be asked for addresses of a scheme; TLS within TLS cannot be had."""
    try:
        parts = urlsplit(proxy)
        place = (parts.hostname, parts.port)
    except ValueError:
        return False
    return bool(place[0]) and parts.scheme in ("http", "https") and not parts.scheme == scheme == "https"


def _show(proxy: str) -> str:
    try:
        return without_credentials(proxy)
    except ValueError:
        return "that is set"  # it is no URL, so nobody knows what in it is a password


def _may_be_set() -> bool:
    """Whether there can be a proxy: these systems have settings of their own, elsewhere the environment says it."""
    return sys.platform in ("darwin", "win32") or any(name.lower().endswith("_proxy") for name in os.environ)
