"""One screen for each home: who comes second finds the first one, and can open it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Self

import filelock
import msgspec

from catsync_core.errors import LocalError
from catsync_plugins.web.access import KEY_BYTES, make_link_token, write_private

__all__ = ["Presence"]

_FILE = "ui.json"
_LOCK = "ui.lock"


class _Note(msgspec.Struct, frozen=True):
    """What a screen leaves for others, readable by its user only.

    Attributes:
        origin: Where it is.
        key: Makes links to it, as hexadecimal digits.
    """

    origin: str
    key: str


class Presence:
    """The place that one process holds. Use it as a context manager.

    Args:
        home: Of the device.

    Raises:
        LocalError: (local) on entry; the home cannot be written to.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / _FILE
        self._lock = filelock.FileLock(home / _LOCK, timeout=0)
        self._origin = ""
        self.key = secrets.token_bytes(KEY_BYTES)
        self.other = ""
        """A link to the screen that is served already; empty for none."""

    def __enter__(self) -> Self:
        try:
            self._lock.acquire()
        except filelock.Timeout:
            self.other = self._find_other()
        except OSError as error:
            raise LocalError(f"{self._lock.lock_file} cannot be locked: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock.is_locked:
            self._file.unlink(missing_ok=True)
            self._lock.release()

    def announce(self, origin: str) -> None:
        """Say where the screen is."""
        self._origin = origin
        write_private(self._file, msgspec.json.encode(_Note(origin, self.key.hex())))

    def link(self) -> str:
        """Return a link to this screen, which works once."""
        return _make_link(self._origin, self.key)

    def _find_other(self) -> str:
        try:
            note = msgspec.json.decode(self._file.read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError) as error:
            raise LocalError(
                "Another process is just opening or closing the sync screen of this device",
                hint="Try again in a moment",
            ) from error
        return _make_link(note.origin, bytes.fromhex(note.key))


def _make_link(origin: str, key: bytes) -> str:
    # A browser does not send what follows the #, so the token is in no log and no referrer.
    return f"{origin}/#token={make_link_token(key, time.time())}"
