"""One catalog on one device: everything that a user can do with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from catsync_core.client.changes import Changes, compare_versions
from catsync_core.client.description import describe_catalog
from catsync_core.client.device import Device
from catsync_core.client.execution import Execution
from catsync_core.client.lifecycle import Asked, Cancelled, Event, Paused, Record, Resumed, Verified
from catsync_core.client.open_file import OpenFile
from catsync_core.client.open_version import OpenVersion
from catsync_core.client.origin import Origin
from catsync_core.client.report import CatalogInfo, FileInfo, Summary
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mode
from catsync_core.client.sources import Source
from catsync_core.client.watch import Watch
from catsync_core.client.work import Work, require_installed
from catsync_core.errors import CatsyncError, DeniedError, LockedError, NotFoundError, WaitsError
from catsync_core.events import ModeChanged
from catsync_core.format.index import CatalogSummary
from catsync_core.hookspecs import Decision, Question
from catsync_core.plan.model import Via
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import read_pointer
from catsync_core.store.records import Installed
from catsync_core.store.verify import VerifyReport

__all__ = ["Catalog"]

_GIVES_UP = 15.0  # seconds in which another process ends the job that is not wanted any more, even on a dead line
_LOOK_EVERY = 0.1
_Result = TypeVar("_Result")


class Catalog:
    """A catalog; get one from :meth:`Client.catalog`.

    Downloads and the like are jobs. They are written down before they begin, so that an interrupted one goes on where
    it stopped: with the same call, or by whoever runs the queue. :meth:`go_offline` and its siblings do a job here and
    now; :meth:`ask` only queues one.

    Thread model: one thread at a time; other processes are kept off by the catalog's lock while a job runs.

    Args:
        store: Its place on the device.
        source: The repository that offers it; None when none does any more.
        device: What all catalogs share.
    """

    def __init__(self, store: CatalogStore, source: Source | None, device: Device) -> None:
        self.id = store.catalog
        self._store = store
        self._device = device
        self._origin = Origin(store.catalog, source, device.sources)

    def info(self) -> CatalogInfo:
        """Return its state: what is wished, what is there, what is offered. Works without a connection."""
        row, job = self._device.state.record(self.id)
        installed = read_pointer(self._store, self._device.listener)
        return describe_catalog(row or self._new_row(), job, self._origin.source, installed, self._device)

    def plan(self, *, via: Via = Via.AUTO, folders: Sequence[Path] = ()) -> Summary:
        """Return what ``go_offline`` or ``update`` would do; fetches metadata only."""
        return self._work(folders).prepare(via, self._device.listener).plan()

    def go_offline(self, *, via: Via = Via.AUTO, folders: Sequence[Path] = (), consented: bool = False) -> Summary:
        """Make the catalog offline: download it completely. Repeating it changes nothing.

        Args:
            via: Which ways the plan may take.
            folders: Other copies whose files and blocks are reused.
            consented: Whether to download now even where a policy would rather wait or ask.

        Raises:
            RemoteError: (remote) it cannot be downloaded; what has arrived is kept.
            LockedError: (local) another process works on this catalog.
            DiskFullError: (local) there is not enough space.
            WaitsError: (local) it was paused, or a policy does not allow it now.
        """
        return self._download(JobKind.INSTALL, via, folders, consented=consented)

    def update(self, *, via: Via = Via.AUTO, consented: bool = False) -> Summary:
        """Bring an offline catalog to the newest version; only what changed travels.

        Args:
            via: Which ways the plan may take.
            consented: As in :meth:`go_offline`.

        Raises:
            NotFoundError: (local) it is not offline.
            RemoteError: (remote) it cannot be downloaded; the old version stays.
            WaitsError: (local) as in :meth:`go_offline`.
        """
        return self._download(JobKind.UPDATE, via, (), consented=consented)

    def go_online(self, *, force: bool = False) -> list[str]:
        """Make the catalog online: delete the local copy, and exactly that. Ends a download that is under way.

        Args:
            force: Delete even when the backend cannot be reached, so that nothing can be read meanwhile.

        Returns:
            Files that catsync did not put there and has left.

        Raises:
            NoConnectionError: (remote) the backend cannot be reached; the copy stays and can be read until it can.
        """
        self.ask(JobKind.REMOVE)
        try:
            self._wait_for_others()
        except LockedError:
            if self._installed_version() is not None:
                self.cancel()
            raise
        work = self._work(force=force)
        with self._store.lock(JobKind.REMOVE.value):
            self.ask(JobKind.REMOVE)
            return self._execute(JobKind.REMOVE, lambda watch, _: work.remove(watch))

    def verify(self) -> VerifyReport:
        """Read every file of the local copy and compare it with what was published.

        Raises:
            NotFoundError: (local) it is not offline.
        """
        from catsync_core.client.repair import verify_installed  # noqa: PLC0415 - loads much, and only here

        with self._store.lock("verify"):
            report = verify_installed(self._store, self._installed(), self._device.listener)
            bad = len(report.damaged) + len(report.missing)
            event = Verified(
                f"{bad:,} files of the local copy are damaged or missing" if bad else "", self._device.now()
            )
            self._advance(event)
            return report

    def repair(self) -> Summary:
        """Fetch again what is damaged or missing in the local copy.

        Raises:
            NotFoundError: (local) it is not offline.
        """
        work = self._work()
        return self._do(JobKind.REPAIR, lambda watch, _: work.repair(watch))

    def roll_back(self) -> Installed:
        """Make the previous version the current one again, once every file of it is verified. No connection is needed.

        Returns:
            What is installed then; the version before is its ``previous``, and an update brings the newest back.

        Raises:
            NotFoundError: (local) it is not offline, or no previous version is kept.
            DamagedError: (local) the previous version is damaged; nothing was changed.
        """
        work = self._work()
        return self._do(JobKind.ROLLBACK, lambda watch, _: work.roll_back(watch))

    def ask(self, kind: JobKind, *, via: Via = Via.AUTO, by_user: bool = True, consented: bool = False) -> Job | None:
        """Queue a job, for whoever runs the queue: an agent, a sync screen, or :meth:`run_job`. Returns at once.

        Args:
            kind: What is to be done; ``install`` wishes the catalog offline, ``remove`` wishes it online.
            via: Which ways the plan may take.
            by_user: Whether a person asks, and not a policy.
            consented: As in :meth:`go_offline`.

        Returns:
            The job; None when there is nothing to do.

        Raises:
            NotFoundError: (local) it is not offline, so there is nothing to update, repair or go back to.
            LockedError: (local) another job of the catalog must end first.
        """
        before = self._row().mode
        record = self._advance(
            Asked(kind, self._device.now(), self._installed_version(), via.value, by_user=by_user, consented=consented)
        )
        if record.row.mode is not before:
            self._device.listener(ModeChanged(self.id, record.row.mode.value))
        return record.job

    def run_job(self, *, consented: bool = False) -> object:
        """Do the job that is queued, as it was asked for.

        Args:
            consented: As in :meth:`go_offline`.

        Returns:
            What the method that does such a job returns.

        Raises:
            NotFoundError: (local) none is.
            CatsyncError: as the method that does such a job.
        """
        _, job = self._device.state.record(self.id)
        if job is None:
            raise NotFoundError(f"Nothing is to be done with {self.id}")
        with self._store.lock(job.kind.value):
            if consented:
                self.resume(consented=True)
            return self._execute(job.kind, self._work().do)

    def pause(self) -> None:
        """Let the job that is under way or queued rest until :meth:`resume`, across restarts; what has arrived is kept.

        Raises:
            NotFoundError: (local) there is none that could be paused.
        """
        self._advance(Paused())

    def resume(self, *, consented: bool = False) -> Job | None:
        """Queue a job that rests, waits or failed, to be done as soon as possible. Returns at once, as :meth:`ask`.

        Args:
            consented: As in :meth:`go_offline`.

        Raises:
            NotFoundError: (local) there is none.
        """
        return self._advance(Resumed(self._device.now(), self._installed_version(), consented=consented)).job

    def cancel(self) -> None:
        """End the job that is under way or queued. A catalog that was never complete is online then.

        Raises:
            NotFoundError: (local) there is none.
        """
        before = self._row().mode
        after = self._advance(Cancelled(self._installed_version())).row.mode
        if after is not before:
            self._device.listener(ModeChanged(self.id, after.value))

    def set_auto_sync(self, *, on: bool) -> None:
        """Say whether the agent asks for updates of this catalog by itself."""
        self._device.state.change(self.id, lambda row, job: (replace(row or self._new_row(), auto_sync=on), job))

    def changes(self) -> Changes:
        """Return what is new in the newest version, compared with the local copy; fetches metadata only.

        Raises:
            NotFoundError: (local) it is not offline, or no longer offered.
            RemoteError: (remote) the repository cannot be asked.
        """
        installed = self._installed()
        repository, _ = self._origin.connect()
        self._origin.ask()
        head = repository.newest(self.id, self._origin.offered())
        old = load_manifest(self._store, installed)
        new = old if head.version == installed.version else repository.manifest(head)[0]
        return compare_versions(old, new, head)

    def skip(self) -> int:
        """Do not tell of the update that is available any more, until a newer one comes; ``update`` still fetches it.

        Returns:
            The version that is skipped.

        Raises:
            NotFoundError: (local) it is not offline, or no update of it is known.
        """
        installed, head = self._installed(), self._origin.head
        if head is None or head.version <= installed.version:
            raise NotFoundError(
                f"No update of {self.id} is known, so there is none to skip",
                hint=f"`catsync check {self.id}` asks for updates",
            )
        version = head.version
        self._device.state.change(self.id, lambda row, job: (replace(row or self._new_row(), skipped=version), job))
        return version

    def path(self) -> Path:
        """Return the folder of the installed version.

        Raises:
            NotFoundError: (local) it is not offline.
        """
        return self._store.version_path(self._installed().version)

    def files(self) -> list[FileInfo]:
        """Return its files: of the local copy, else of the backend's current version."""
        return self.open_version().files()

    def open_version(self, *, max_age: float = 0) -> OpenVersion:
        """Open the version that is read now: the local copy, else the backend's current version.

        Thread model: several threads may do this at a time, each with a :class:`Catalog` of its own; any thread may use
        what is returned.

        Args:
            max_age: Seconds that the repository's last answer may be old; if it is older, it is asked for news first.

        Raises:
            RemoteError: (remote) there is no local copy, and the backend cannot be asked.
            WaitsError: (local) there is none, and a policy does not allow to read online now.
            DeniedError: (local) there is none, and a policy does not allow to read online.
        """
        installed = read_pointer(self._store, self._device.listener)
        if installed is not None:
            return self._device.sources.versions.local(self._store, installed)
        self._require_reading()
        repository, _ = self._origin.connect()
        source = self._origin.source
        if source is not None and not 0 <= time.time() - source.row.checked_at < max_age:
            self._origin.ask()
        return self._device.sources.versions.online(repository, self.id, self._origin.offered())

    def open(self, path: str) -> OpenFile:
        """Open a file for reading, seekable: of the local copy, else of the backend's current version.

        It stays the version that it was. Online, what is read is fetched by ranges and verified before it is given out,
        more ahead the longer one reads on; a bounded part is kept in memory and nothing on disk. Thread model: as
        :meth:`open_version`; the file is for one thread at a time.

        Raises:
            NotFoundError: (local) there is no such file.
            RemoteError: (remote) there is no local copy, and the backend cannot be asked.
        """
        return self.open_version().open(path)

    def read(self, path: str) -> Iterator[bytes]:
        """Stream a file: of the local copy, else of the backend's current version.

        Raises:
            NotFoundError: (local) there is no such file.
        """
        yield from self.open_version().read(path)

    def _download(self, kind: JobKind, via: Via, folders: Sequence[Path], *, consented: bool) -> Summary:
        work = self._work(folders)
        self._prepare(kind)
        with self._store.lock(kind.value):
            if self.ask(kind, via=via, consented=consented) is None:
                return work.nothing_to_do(self._installed())
            return self._execute(kind, lambda watch, _: work.download(via, watch))

    def _prepare(self, kind: JobKind) -> None:
        """Have a connection made while the job is written down, if the backend will be asked and no policy is first."""
        asks = kind is JobKind.UPDATE or read_pointer(self._store) is None
        if asks and not self._device.settings.policies.enabled:
            with suppress(CatsyncError):  # the job itself meets it again, and fails by it
                self._origin.prepare()

    def _do(self, kind: JobKind, work: Callable[[Watch, Job], _Result]) -> _Result:
        with self._store.lock(kind.value):
            self.ask(kind)
            return self._execute(kind, work)

    def _execute(self, kind: JobKind, work: Callable[[Watch, Job], _Result]) -> _Result:
        return Execution(self._device, self._row()).run(kind, work, lambda: self._new_row().title)

    def _require_reading(self) -> None:
        """Ask the policies whether this catalog may be read over the network."""
        if not self._device.settings.policies.enabled:
            return
        question = Question("read", self.id, 0, 0, 0, by_user=True, now=self._device.now())
        verdict = self._device.settings.policies.decide(question)
        if verdict.decision is Decision.DENY:
            raise DeniedError(f"{self.id} is not read online: {verdict.reason}")
        if verdict.decision is not Decision.ALLOW:
            raise WaitsError(
                f"{self.id} is not read online now: {verdict.reason}",
                hint=f"`catsync offline {self.id}` keeps it on this device, `catsync config show` prints the policies",
                gate=Gate.POLICY.value,
                until=verdict.until or 0.0,
            )

    def _wait_for_others(self) -> None:
        """Wait until the process that runs a job of this catalog has noticed that it is not wanted any more."""
        until = time.monotonic() + _GIVES_UP
        while True:
            try:
                with self._store.lock(JobKind.REMOVE.value):
                    return
            except LockedError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOK_EVERY)

    def _work(self, folders: Sequence[Path] = (), *, force: bool = False) -> Work:
        return Work(self._store, self._origin, self._row().title, folders, force)

    def _advance(self, event: Event) -> Record:
        return Execution(self._device, self._new_row()).advance(event)

    def _installed(self) -> Installed:
        return require_installed(self._store)

    def _installed_version(self) -> int | None:
        installed = read_pointer(self._store, self._device.listener)
        return installed.version if installed else None

    def _row(self) -> CatalogRow:
        return self._device.state.record(self.id)[0] or self._new_row()

    def _new_row(self) -> CatalogRow:
        # Nothing was wished yet, or the state was lost: then a copy that is there was wished for.
        head: CatalogSummary | None = self._origin.head
        return CatalogRow(
            self.id,
            self._origin.source.row.url if self._origin.source else "",
            Mode.OFFLINE if read_pointer(self._store) is not None else Mode.ONLINE,
            head.title if head else self.id,
        )
