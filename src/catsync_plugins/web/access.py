"""Who may use the screen: links that work once, and sessions that outlive the server.

Both are messages with a seal of their own, so that the server keeps no list of them. A link's key lives as long as the
server that wrote it down; with it another process of the same user can make a link too, such as a second ``catsync
ui``. A session's key stays on the device, so that an open page goes on after the server was started anew.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from catsync_core.errors import LocalError

__all__ = ["LINK_SECONDS", "SESSION_SECONDS", "Access", "load_key", "make_link_token", "write_private"]

LINK_SECONDS = 3600
SESSION_SECONDS = 30 * 86400
KEY_BYTES = 32
_LONGEST = 256  # characters of a token


class Access:
    """Exchanges links for sessions, and knows sessions again.

    Thread model: any thread.

    Args:
        session_key: Of this device.
        link_key: Of this run of the server.
        clock: Seconds since 1970.
    """

    def __init__(self, session_key: bytes, link_key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._session_key = session_key
        self._link_key = link_key
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def redeem(self, token: str) -> str | None:
        """Return a new session for a link's token; None when it is false, too old, or was used before."""
        now = self._clock()
        expires = _read(token, self._link_key, now)
        if expires is None:
            return None
        with self._lock:
            self._used = {used: end for used, end in self._used.items() if end > now}
            if token in self._used:
                return None
            self._used[token] = expires
        return _make(self._session_key, now + SESSION_SECONDS)

    def knows(self, session: str) -> bool:
        """Return whether this is a session, and not too old."""
        return _read(session, self._session_key, self._clock()) is not None


def make_link_token(link_key: bytes, now: float) -> str:
    """Return a token that :meth:`Access.redeem` takes once, within an hour."""
    return _make(link_key, now + LINK_SECONDS)


def load_key(path: Path) -> bytes:
    """Return the key in a file that only its owner can read; made anew when it is missing, or others could read it.

    Raises:
        LocalError: (local) it cannot be read or written.
    """
    try:
        with path.open("rb") as file:
            private = os.name == "nt" or not stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        private, key = False, b""
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror or error}") from error
    if private and len(key) == KEY_BYTES:
        return key
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, key)
    return key


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, in the place of what was there.

    Raises:
        LocalError: (local) it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise LocalError(f"{path} cannot be written: {error.strerror or error}") from error


def _make(key: bytes, expires: float) -> str:
    message = f"{expires:.0f}.{secrets.token_urlsafe(32)}"
    return f"{message}.{_seal(key, message)}"


def _read(token: str, key: bytes, now: float) -> float | None:
    """Return when a token expires; None for one that is false or has expired."""
    message, _, seal = token.rpartition(".")
    if len(token) > _LONGEST or not token.isascii() or not hmac.compare_digest(seal, _seal(key, message)):
        return None
    expires = float(message.partition(".")[0])
    return expires if expires > now else None


def _seal(key: bytes, message: str) -> str:
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
