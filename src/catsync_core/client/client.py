"""The device: its repositories and its catalogs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import msgspec

from catsync_core.client.catalog import Catalog
from catsync_core.client.checks import AGENT, RUNNER, check_repository, is_beating
from catsync_core.client.description import describe_job
from catsync_core.client.device import Device
from catsync_core.client.home import home_folder
from catsync_core.client.initiative import start_by_policy
from catsync_core.client.labels import is_alive
from catsync_core.client.report import Checked, JobInfo
from catsync_core.client.rows import Gate, Mode
from catsync_core.client.sources import Source
from catsync_core.errors import NotFoundError, UsageError
from catsync_core.events import Listener, Warned, ignore
from catsync_core.plugins import Plugins, load_plugins
from catsync_core.store.layout import CatalogStore, list_stored
from catsync_core.store.pointer import read_pointer

__all__ = ["Client"]


class Client:
    """Everything that catsync knows and does on one device. Use it as a context manager.

    Thread model: one thread at a time; several processes may use one home.

    Args:
        home: Where catalogs and state lie; by default ``CATSYNC_HOME``, else the platform's data folder.
        listener: Gets events.
        plugins: The backends; loaded when none are given.
        cancelled: Set by someone else to stop a transfer.
        now: The clock, seconds since 1970.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        listener: Listener = ignore,
        plugins: Plugins | None = None,
        cancelled: threading.Event | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.home = home_folder() if home is None else home.absolute()
        self._device = Device.open(
            self.home, load_plugins() if plugins is None else plugins, listener, cancelled=cancelled, now=now
        )

    @classmethod
    def over(cls, device: Device) -> Self:
        """Return a client of a device that is open already, and that it closes."""
        client = cls.__new__(cls)
        client.home, client._device = device.home, device  # noqa: SLF001  # it is one of this class
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and state."""
        self._device.close()

    def add(self, repository: str) -> list[Catalog]:
        """Add a repository by its path or URL; returns the catalogs that it offers.

        Raises:
            MissingObjectError: (remote) there is no repository.
        """
        source = self._device.sources.add(repository)
        start_by_policy(self._device, source)
        return [self._catalog(catalog, source) for catalog in sorted(source.index.catalogs)]

    def remove(self, repository: str) -> None:
        """Forget a repository.

        Raises:
            NotFoundError: (local) it was not added.
            UsageError: (local) catalogs of it are offline.
        """
        source = self._device.sources.find(repository)
        offline = [row.catalog for row in self._device.state.catalogs().values() if row.repository == source.row.url]
        offline = [catalog for catalog in offline if read_pointer(CatalogStore(self.home, catalog)) is not None]
        if offline:
            raise UsageError(
                f"{source.row.shown} still has offline catalogs: {', '.join(sorted(offline))}",
                hint=f"`catsync online {' '.join(sorted(offline))}` deletes the local copies first",
            )
        self._device.sources.remove(repository)

    def repositories(self) -> list[Source]:
        """Return the repositories as they were last seen."""
        return self._device.sources.all()

    def catalogs(self) -> list[Catalog]:
        """Return every catalog that the repositories offer, and those kept here that vanished there; by id.

        Where two repositories offer the same id, the one that the catalog was taken offline from counts, else the one
        that was added first.
        """
        sources = self._device.sources.all()
        rows = self._device.state.catalogs()
        owners: dict[str, Source | None] = {}
        for source in sources:
            for catalog in source.index.catalogs:
                if owners.setdefault(catalog, source) is not source:
                    self._warn_twice(catalog, owners[catalog], source)
        by_url = {source.row.url: source for source in sources}
        under_way = {job.catalog for job in self._device.state.jobs()}
        for row in rows.values():
            if row.mode is Mode.OFFLINE or row.catalog in owners or row.catalog in under_way:
                owners[row.catalog] = by_url.get(row.repository, owners.get(row.catalog))
        for catalog in list_stored(self.home):
            if catalog not in owners and read_pointer(CatalogStore(self.home, catalog)) is not None:
                owners[catalog] = None
        return [self._catalog(catalog, owners[catalog]) for catalog in sorted(owners)]

    def catalog(self, catalog: str) -> Catalog:
        """Return one catalog.

        Raises:
            NotFoundError: (local) there is none with this id.
        """
        for known in self.catalogs():
            if known.id == catalog:
                return known
        raise NotFoundError(f"There is no catalog {catalog!r}")

    def check(self, catalogs: Iterable[str] = ()) -> list[Checked]:
        """Ask repositories for news; metadata only, one request each.

        Args:
            catalogs: Ids; only their repositories are asked. None for all.
        """
        ids = set(catalogs)
        known = {catalog.id: catalog for catalog in self.catalogs()}
        for missing in sorted(ids - known.keys()):
            raise NotFoundError(f"There is no catalog {missing!r}")
        asked = {known[catalog].info().repository for catalog in ids}
        found = []
        for source in self._device.sources.all():
            if not ids or source.row.shown in asked:
                after, checked = check_repository(self._device, source, by_user=True)
                start_by_policy(self._device, after)
                found.append(
                    msgspec.structs.replace(checked, updates=[u for u in checked.updates if not ids or u in ids])
                )
        return found

    def jobs(self) -> list[JobInfo]:
        """Return all jobs: what is under way, what waits for its turn or for something else, and what is paused."""
        now = self._device.now()
        described, position = [], 0
        for job in self._device.state.jobs():
            waits = job.gate is Gate.OPEN and not is_alive(job, now)
            position += waits
            described.append(describe_job(job, now, position if waits else 0))
        return described

    def is_served(self) -> bool:
        """Whether a process of this device runs what is queued: an agent, or a sync screen."""
        return is_beating(self._device, RUNNER)

    def has_agent(self) -> bool:
        """Whether an agent of this device checks repositories by itself."""
        return is_beating(self._device, AGENT)

    def count_changes(self) -> int:
        """Return a number that is another one after another process, or another client, changed something here."""
        return self._device.state.count_changes()

    def _catalog(self, catalog: str, source: Source | None) -> Catalog:
        return Catalog(self._device.store(catalog), source, self._device)

    def _warn_twice(self, catalog: str, first: Source | None, second: Source) -> None:
        where = first.row.shown if first else "another repository"
        self._device.listener(Warned(catalog, f"{second.row.shown} offers {catalog} too; the one from {where} is used"))
