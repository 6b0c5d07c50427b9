"""The catalogs of this device, for many threads at a time.

Every request looks a catalog up anew, so it sees what another process did to it in the meantime: a local look, and for
an online catalog a question to its repository once in a while. What is returned stays the version that it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from catsync_core import CatsyncError, Client, OpenVersion

__all__ = ["Shelf"]

_FRESH = 10.0  # seconds that a repository's answer counts


class _Place(msgspec.Struct):
    """One catalog: one thread at a time asks for it, and the others take the answer."""

    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)
    error: CatsyncError | None = None
    failed_at: float = 0.0


class Shelf:
    """Opens catalogs.

    Thread model: any thread may call any method; a slow repository delays only who reads from it.

    Args:
        client: The device; nobody else uses it.
        clock: Seconds, monotonic.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def titles(self) -> list[tuple[str, str]]:
        """Return the ids and titles of all catalogs."""
        with self._lock:
            infos = [catalog.info() for catalog in self._client.catalogs()]
        return [(info.catalog, info.title) for info in infos]

    def open(self, catalog: str) -> OpenVersion:
        """Open the version of a catalog that is read now.

        Raises:
            CatsyncError: there is no such catalog, or it cannot be reached, or is damaged.
        """
        asked_at = self._clock()
        with self._lock:
            found = self._client.catalog(catalog)
            place = self._places.setdefault(catalog, _Place())
        with place.lock:
            if place.error is not None and place.failed_at >= asked_at:
                raise place.error  # it was tried while this thread waited: no use to try again at once
            with self._lock:
                found = self._client.catalog(catalog)  # as it is after the wait
            try:
                version = found.open_version(max_age=_FRESH)
            except CatsyncError as error:
                place.error, place.failed_at = error, self._clock()
                raise
            place.error = None
            return version
