"""From what a user types to an opened backend."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from catsync_core.backends.metering import MeteredBackend
from catsync_core.backends.protocol import Backend
from catsync_core.backends.retry import RetryingBackend
from catsync_core.backends.throttle import Throttle, ThrottledBackend
from catsync_core.errors import CatsyncError, PluginError, UsageError

if TYPE_CHECKING:
    from catsync_core.hookspecs import BackendEntry
    from catsync_core.plugins import Plugins

__all__ = ["normalise_url", "open_backend", "path_of", "redact", "scheme_of"]

# At least two characters, because C:\catalogs and c://catalogs are paths.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_WEB = ("http", "https")
_EXTRAS = {"s3": "s3", "gs": "s3", "az": "s3"}
LOCAL_BANDWIDTH = 500e6  # bytes/s, before anything was measured


def open_backend(
    url: str | os.PathLike[str],
    plugins: Plugins,
    *,
    attempts: int = 5,
    deadline: float = 300.0,
    cancelled: threading.Event | None = None,
    throttle: Throttle | None = None,
) -> Backend:
    """Open the backend at a URL or path, with retries around the meter around it, so that each attempt is counted.

    Nothing is contacted yet. Find the meter with ``find_layer(backend, MeteredBackend)``.

    Args:
        url: URL, or path of a directory.
        plugins: Where the kinds of backends come from.
        attempts: As in :class:`RetryingBackend`.
        deadline: Seconds, as in :class:`RetryingBackend`.
        cancelled: As in :class:`RetryingBackend`.
        throttle: Limits what arrives from all backends that share it.

    Raises:
        UsageError: (local) the URL makes no sense.
        PluginError: no plugin knows the URL's scheme, or the one that does failed.
    """
    url = normalise_url(url)
    entry = _entry(url, plugins)
    try:
        raw = entry.open(url)
    except CatsyncError:
        raise
    except Exception as error:
        raise PluginError(f"The backend {entry.scheme} could not be opened: {type(error).__name__}: {error}") from error
    local = entry.scheme == "file"
    metered = MeteredBackend(raw, round_trip=0.0, bandwidth=LOCAL_BANDWIDTH) if local else MeteredBackend(raw)
    retrying = RetryingBackend(metered, attempts=attempts, deadline=deadline, cancelled=cancelled)
    return retrying if throttle is None else ThrottledBackend(retrying, throttle, cancelled=cancelled)


def redact(url: str | os.PathLike[str], plugins: Plugins) -> str:
    """The URL without credentials, safe to show and to log.

    Raises:
        UsageError: (local) the URL makes no sense.
        PluginError: as in :func:`open_backend`.
    """
    url = normalise_url(url)
    entry = _entry(url, plugins)
    try:
        return entry.redact(url)
    except Exception as error:
        raise PluginError(f"The backend {entry.scheme} cannot redact: {type(error).__name__}") from error


def normalise_url(url: str | os.PathLike[str]) -> str:
    """One spelling for one repository: paths become ``file`` URLs, slashes at the end go.

    Args:
        url: URL, or path of a directory; a Windows drive is a path.

    Raises:
        UsageError: (local) it makes no sense.
    """
    text = os.fspath(url)
    if not text or "\0" in text:
        raise UsageError("A repository needs an address: a URL or the path of a folder")
    match = _URL.fullmatch(text)
    if match is None:
        return Path(os.path.abspath(text)).as_uri()  # noqa: PTH100 - Path.absolute keeps `..`
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file":
        return Path(os.path.abspath(path_of(text))).as_uri()  # noqa: PTH100 - as above
    if scheme in _WEB:
        return _normalise_web(f"{scheme}://{rest}")
    return f"{scheme}://{rest.rstrip('/')}"


def scheme_of(url: str) -> str:
    """The scheme of a normalised URL."""
    return url.partition("://")[0]


def path_of(url: str) -> Path:
    """The path that a ``file`` URL names.

    Raises:
        UsageError: (local) it names another machine.
    """
    parts = urlsplit(url)
    host = "" if parts.netloc.lower() == "localhost" else parts.netloc
    if host and os.name != "nt":
        raise UsageError(f"{url} names the machine {host}", hint="Write file:///folder with three slashes")
    path = _windows_path(host, parts.path) if os.name == "nt" else Path(unquote(parts.path, errors="surrogateescape"))
    if not path.is_absolute():
        raise UsageError(f"{url} names no absolute path", hint="Write file:///folder with three slashes")
    return path


def _windows_path(host: str, path: str) -> Path:
    from urllib.request import url2pathname  # noqa: PLC0415 - it drags in all of HTTP

    return Path(url2pathname(f"//{host}{path}" if host else path))


def _normalise_web(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"The address is no URL: {error}") from error
    if not parts.hostname:
        raise UsageError(f"The {parts.scheme} address names no host")
    if parts.query or parts.fragment:
        raise UsageError(
            f"The address at {parts.hostname} has a query or fragment", hint="Give the address of the folder itself"
        )
    credentials, at, _ = parts.netloc.rpartition("@")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = {"http": 80, "https": 443}[parts.scheme]
    suffix = "" if port in (None, standard) else f":{port}"
    return urlunsplit((parts.scheme, f"{credentials}{at}{host}{suffix}", parts.path.rstrip("/"), "", ""))


def _entry(url: str, plugins: Plugins) -> BackendEntry:
    scheme = scheme_of(url)
    entries = plugins.backends()
    if scheme in entries:
        return entries[scheme]
    known = ", ".join(sorted(entries))
    broken = [record.name for record in plugins.broken]
    if broken:
        hint = f"These plugins are broken: {', '.join(broken)}; `catsync doctor` says why"
    elif scheme in _EXTRAS:
        hint = f"Install it: pip install 'catsync[{_EXTRAS[scheme]}]'"
    else:
        hint = f"Install a plugin for {scheme}, such as from a distribution catsync-{scheme}, or correct the address"
    raise PluginError(f"There is no backend for {scheme}:// (known: {known})", hint=hint)
