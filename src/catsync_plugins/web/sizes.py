"""How large the updates are that are offered: asked for one after the other, once each, while the screen is served.

Only metadata is fetched for it. What cannot be found out is left open, and tried again later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from catsync_core import CatalogInfo, CatsyncError, Client
from catsync_plugins.web.rows import Row, Size

__all__ = ["Sizes"]

_AGAIN = 300.0  # seconds after which what could not be found out is tried again
_Key = tuple[str, int, int]
"""Catalog, installed version, offered version."""


class Sizes:
    """Finds out what updates would bring.

    Thread model: any thread.

    Args:
        open_client: Opens a client for the thread that asks.
        found: Is told of catalogs for which something was found out.
    """

    def __init__(self, open_client: Callable[[], Client], found: Callable[[str], None]) -> None:
        self._open_client = open_client
        self._found = found
        self._known: dict[_Key, Size] = {}
        self._failed: dict[_Key, float] = {}
        self._wanted: list[_Key] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="catsync-sizes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ask for nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def of(self, info: CatalogInfo) -> Size | None:
        """Return what an update would bring; None where that is not known, or there is none."""
        if info.installed_version is None or info.head_version is None:
            return None
        with self._changed:
            return self._known.get((info.catalog, info.installed_version, info.head_version))

    def want(self, rows: Sequence[Row]) -> None:
        """Find out what the updates of these rows would bring, and forget all others."""
        now = time.monotonic()
        keys = [
            (row.id, row.installed_version, row.head_version)
            for row in rows
            if row.installed_version and row.head_version and row.head_version > row.installed_version
        ]
        with self._changed:
            self._known = {key: size for key, size in self._known.items() if key in set(keys)}
            self._wanted = [key for key in keys if key not in self._known and self._failed.get(key, 0.0) <= now]
            if self._wanted:
                self._changed.notify()

    def _run(self) -> None:
        while (key := self._next()) is not None:
            try:
                size = self._ask(key)
            except CatsyncError:  # the user hears of it when the update is to begin
                size = None
            with self._changed:
                if size is None:
                    self._failed[key] = time.monotonic() + _AGAIN
                else:
                    self._known[key] = size
                self._wanted = [wanted for wanted in self._wanted if wanted != key]
            if size is not None:
                self._found(key[0])

    def _next(self) -> _Key | None:
        with self._changed:
            while not self._wanted and not self._closed:
                self._changed.wait()
            return None if self._closed else self._wanted[0]

    def _ask(self, key: _Key) -> Size | None:
        """Return what an update would bring; None when it is another one meanwhile."""
        with self._open_client() as client:
            catalog = client.catalog(key[0])
            changes = catalog.changes()
            plan = catalog.plan()
        if (changes.from_version, changes.to_version) != key[1:] or plan.to_version != changes.to_version:
            return None
        counts = (len(changes.changed), len(changes.added), len(changes.removed))
        return Size(changes.to_version, plan.bytes_received, *counts)
