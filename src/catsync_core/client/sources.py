"""The repositories of a device: add, remove, ask for news. Metadata only; content is never fetched here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from catsync_core.backends.protocol import Backend
from catsync_core.backends.registry import normalise_url, open_backend, redact
from catsync_core.backends.throttle import Throttle
from catsync_core.client.open_version import OpenVersions
from catsync_core.client.rows import RepositoryRow
from catsync_core.client.state import State
from catsync_core.client.trust import accept_index
from catsync_core.errors import CatsyncError, LocalError, NotFoundError
from catsync_core.format.index import Index, read_index
from catsync_core.plugins import Plugins
from catsync_core.transfer.repository import Repository

__all__ = ["Source", "Sources"]


class Source(msgspec.Struct, frozen=True):
    """A repository as the device last saw it."""

    row: RepositoryRow
    index: Index


class Sources:
    """All repositories of a device; each is opened at most once.

    Thread model: any thread may open repositories and versions and ask for news; the rest is for one at a time.

    Args:
        state: The device's memory.
        plugins: The backends.
        cancelled: Set by someone else to end waiting between attempts.
        throttle: Returns what limits how fast bytes arrive; asked when the first repository is opened.
        now: The clock, seconds since 1970.
    """

    def __init__(
        self,
        state: State,
        plugins: Plugins,
        *,
        cancelled: threading.Event | None = None,
        throttle: Callable[[], Throttle | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._plugins = plugins
        self._cancelled = cancelled
        self._throttle = throttle
        self._now = now
        self._backends: dict[str, Backend] = {}
        self._parsed: dict[str, tuple[bytes, Index]] = {}
        self._opening = threading.Lock()
        self._closed = False
        self.versions = OpenVersions()

    def close(self) -> None:
        """Close all backends. Who still asks for news fails by it, and that is not noted: nothing is wrong there."""
        self._closed = True
        for backend in self._backends.values():
            backend.close()

    def all(self) -> list[Source]:
        """Return all repositories as they were last seen."""
        return [Source(row, self._read(row)) for row in self._state.repositories()]

    def add(self, address: str) -> Source:
        """Add a repository; adding it again only asks it for news.

        Raises:
            MissingObjectError: (remote) there is none.
        """
        url = normalise_url(address)
        known = self._find(url)
        if known is not None:
            return self.check(known)
        shown = redact(url, self._plugins)
        found = self.open(url).index()
        if found.index is None:
            raise LocalError(f"{shown} answered 'not modified' to a first request")
        accept_index(self._state, found.index, found.body, shown=shown, identity=None)
        now = int(self._now())
        row = RepositoryRow(url, shown, found.index.repository, found.etag, found.body, now, now)
        self._state.save_repository(row)
        return Source(row, found.index)

    def remove(self, address: str) -> None:
        """Forget a repository.

        Raises:
            NotFoundError: (local) it was not added.
        """
        self._state.forget_repository(self.find(address).row.url)

    def find(self, address: str) -> Source:
        """Return a repository by its address.

        Raises:
            NotFoundError: (local) it was not added.
        """
        known = self._find(normalise_url(address))
        if known is None:
            raise NotFoundError(
                f"No repository {redact(address, self._plugins)} was added",
                hint="`catsync add REPO` adds one; `catsync list` shows those that there are",
            )
        return known

    def check(self, source: Source) -> Source:
        """Ask a repository for news: one request, and no body when there are none.

        Raises:
            RemoteError: (remote) it cannot be asked. What is known stays.
            TrustError: (trust) its answer contradicts what was seen. What is known stays.
        """
        row = source.row
        try:
            found = self.open(row.url).index(known_etag=row.etag)
            index, body = source.index, row.body
            if found.index is not None:
                index, body = found.index, found.body
                accept_index(self._state, index, body, shown=row.shown, identity=row.identity)
        except CatsyncError as error:
            if self._closed:
                raise
            now, message, code = int(self._now()), error.message, error.code
            with suppress(LocalError):  # on a full disk it cannot be noted, and is told all the same
                self._state.change_repository(
                    row.url,
                    lambda known: replace(
                        known, attempted_at=now, problem=message, problem_code=code, failures=known.failures + 1
                    ),
                )
            raise
        return self._accept(row, index, body, found.etag)

    def _accept(self, before: RepositoryRow, index: Index, body: bytes, etag: str | None) -> Source:
        """Note an answer, unless another process has noted a newer one meanwhile."""
        now = int(self._now())

        def note(known: RepositoryRow) -> RepositoryRow:
            if known.body in {before.body, body} or read_index(known.body).serial <= index.serial:
                known = replace(known, etag=etag, body=body)
            return replace(known, checked_at=now, attempted_at=now, problem="", problem_code="", failures=0)

        row = self._state.change_repository(before.url, note)
        if row is None:
            raise NotFoundError(f"{before.shown} was removed from this device meanwhile", hint="`catsync add` adds it")
        return Source(row, index if row.body == body else self._read(row))

    def open(self, url: str) -> Repository:
        """Open a repository; nothing is contacted yet."""
        with self._opening:
            if url not in self._backends:
                self._backends[url] = open_backend(
                    url, self._plugins, cancelled=self._cancelled, throttle=self._throttle()
                )
            return Repository(self._backends[url])

    def _read(self, row: RepositoryRow) -> Index:
        """Return a repository's index, parsed anew only when it is another one: it is asked for at every turn."""
        body, index = self._parsed.get(row.url, (b"", None))
        if index is None or body != row.body:
            index = read_index(row.body, f"The index of {row.shown}")
            self._parsed[row.url] = (row.body, index)
        return index

    def _find(self, url: str) -> Source | None:
        return next((source for source in self.all() if source.row.url == url), None)
