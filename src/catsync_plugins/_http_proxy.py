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
    kind = urlsplit(proxy).scheme
    if kind not in ("http", "https") or kind == parts.scheme == "https":
        raise UsageError(
            f"The proxy {without_credentials(proxy)} is of a kind that catsync cannot use",
            hint="Set HTTP_PROXY and HTTPS_PROXY to an http:// address",
        )
    return proxy


def _may_be_set() -> bool:
    """Whether there can be a proxy: these systems have settings of their own, elsewhere the environment says it."""
    return sys.platform in ("darwin", "win32") or any(name.lower().endswith("_proxy") for name in os.environ)
