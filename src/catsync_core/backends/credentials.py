"""User names and passwords in URLs: how they travel, and how they are kept out of sight."""

from __future__ import annotations

from binascii import b2a_base64
from urllib.parse import unquote, urlsplit

__all__ = ["basic_credentials", "without_credentials"]


def basic_credentials(url: str) -> str | None:
    """Value of ``Authorization`` (RFC 7617) for a URL; None when it holds no user name."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b2a_base64(pair.encode(), newline=False).decode("ascii")


def without_credentials(url: str) -> str:
    """The URL without user name and password, safe to show and to log."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
