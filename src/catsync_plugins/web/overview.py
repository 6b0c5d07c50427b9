"""The rows of a home, looked at again only where something may have changed: there can be hundreds of catalogs.

While a job runs, the state changes all the time; then its row is looked at each time, and all others once in a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from catsync_core import CatalogInfo, Client
from catsync_plugins.web.rows import Row

__all__ = ["Overview"]

_LOOK_EVERY = 10.0  # seconds after which all rows are looked at in any case: some labels depend on the time
_SHARE = 0.2  # of the time that looking at all rows may take while jobs run
_SOON = 1.0  # seconds in which another process's change is to show even then, if that keeps to the share


class Overview:
    """Looks at a client's catalogs.

    Thread model: :meth:`touch` is for any thread, the rest for one.

    Args:
        client: Used by this only.
        row: Makes a catalog's row from what is known of it, and from its job's place in the queue.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, client: Client, row: Callable[[CatalogInfo, int], Row], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._row = row
        self._clock = clock
        self._lock = threading.Lock()
        self._touched: set[str] = set()
        self._poked = True
        self._rows: dict[str, Row] = {}
        self._busy: set[str] = set()
        self._changes = -1
        self._looked_at = float("-inf")
        self._cost = 0.0

    def touch(self, *catalogs: str) -> None:
        """Say that something changed: with these catalogs, or with those that have a job."""
        with self._lock:
            self._touched.update(catalogs)
            self._poked = True

    def changed(self) -> bool:
        """Return whether :meth:`rows` may tell something new."""
        with self._lock:
            poked = self._poked
        return poked or self._client.count_changes() != self._changes or self._age() >= _LOOK_EVERY

    def rows(self) -> list[Row]:
        """Return all rows, by id."""
        with self._lock:
            touched, self._touched, self._poked = self._touched, set(), False
        changes = self._client.count_changes()
        jobs = {job.catalog: job for job in self._client.jobs()}
        running = any(job.running for job in jobs.values())
        patience = max(_SOON, self._cost / _SHARE) if running else 0.0
        whole = self._age() >= (patience if changes != self._changes else _LOOK_EVERY)
        begun = self._clock()
        catalogs = {catalog.id: catalog for catalog in self._client.catalogs()}
        again = set(catalogs) if whole else (touched | jobs.keys() | self._busy) & catalogs.keys()
        again |= catalogs.keys() - self._rows.keys()
        self._rows = {name: self._rows[name] for name in catalogs if name in self._rows} | {
            name: self._row(catalogs[name].info(), jobs[name].position if name in jobs else 0) for name in sorted(again)
        }
        self._busy = set(jobs)
        if whole:
            self._looked_at, self._changes = self._clock(), changes
            self._cost = self._looked_at - begun
        return [self._rows[name] for name in sorted(self._rows)]

    def _age(self) -> float:
        return self._clock() - self._looked_at
