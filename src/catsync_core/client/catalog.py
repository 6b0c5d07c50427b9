"""One catalog on one device: everything that a user can do with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from catsync_core.client.changes import Changes, compare_versions
from catsync_core.client.description import describe_catalog
from catsync_core.client.installation import Installation
from catsync_core.client.open_file import OpenFile
from catsync_core.client.open_version import OpenVersion
from catsync_core.client.progress import Counter
from catsync_core.client.repair import repair_version, verify_installed
from catsync_core.client.report import SCHEMA, ActionTotal, CatalogInfo, FileInfo, Summary
from catsync_core.client.sources import Source, Sources
from catsync_core.client.state import CatalogRow, Mode, State
from catsync_core.client.usage import Usage
from catsync_core.errors import CatsyncError, LocalError, NoConnectionError, NotFoundError, RemoteError
from catsync_core.events import Listener, Phase, Progress
from catsync_core.format.index import CatalogSummary
from catsync_core.plan.model import Action, Via
from catsync_core.store.commit import recover
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import read_pointer
from catsync_core.store.records import Installed
from catsync_core.store.remove import remove_content
from catsync_core.store.rollback import roll_back
from catsync_core.store.verify import VerifyReport
from catsync_core.transfer.repository import Repository

__all__ = ["Catalog"]

Activity = Literal["install", "update"]


class Catalog:
    """A catalog; get one from :meth:`Client.catalog`.

    Thread model: one thread at a time; other processes are kept off by the catalog's lock while a job runs.

    Args:
        store: Its place on the device.
        source: The repository that offers it; None when none does any more.
        sources: All repositories.
        state: The device's memory.
        listener: Gets events.
        cancelled: Set by someone else to stop a transfer.
    """

    def __init__(
        self,
        store: CatalogStore,
        source: Source | None,
        *,
        sources: Sources,
        state: State,
        listener: Listener,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.id = store.catalog
        self._store = store
        self._source = source
        self._sources = sources
        self._state = state
        self._listener = listener
        self._cancelled = cancelled

    def info(self) -> CatalogInfo:
        """Return its state: what is wished, what is there, what is offered. Works without a connection."""
        return describe_catalog(self._row(), self._source, self._store, read_pointer(self._store, self._listener))

    def plan(self, *, via: Via = Via.AUTO, folders: Sequence[Path] = ()) -> Summary:
        """Return what ``go_offline`` or ``update`` would do; fetches metadata only."""
        repository, usage = self._connect()
        self._ask_for_news()
        activity: Activity = "install" if read_pointer(self._store) is None else "update"
        return self._installation(activity, repository, usage, via, folders).plan()

    def go_offline(self, *, via: Via = Via.AUTO, folders: Sequence[Path] = ()) -> Summary:
        """Make the catalog offline: download it completely. Repeating it changes nothing.

        Args:
            via: Which ways the plan may take.
            folders: Other copies whose files and blocks are reused.

        Raises:
            RemoteError: (remote) it cannot be downloaded; what has arrived is kept.
            LockedError: (local) another process works on this catalog.
            DiskFullError: (local) there is not enough space.
        """
        self._wish(Mode.OFFLINE)
        installed = read_pointer(self._store, self._listener)
        if installed is not None:
            return self._nothing_to_do(installed)
        return self._install("install", via, folders)

    def update(self, *, via: Via = Via.AUTO) -> Summary:
        """Bring an offline catalog to the newest version; only what changed travels.

        Raises:
            NotFoundError: (local) it is not offline.
            RemoteError: (remote) it cannot be downloaded; the old version stays.
        """
        installed = read_pointer(self._store, self._listener)
        if installed is None:
            raise NotFoundError(
                f"{self.id} is not offline, so there is nothing to update",
                hint=f"`catsync offline {self.id}` downloads it",
            )
        return self._install("update", via, ())

    def go_online(self, *, force: bool = False) -> list[str]:
        """Make the catalog online: delete the local copy, and exactly that.

        Args:
            force: Delete even when the backend cannot be reached, so that nothing can be read meanwhile.

        Returns:
            Files that catsync did not put there and has left.

        Raises:
            NoConnectionError: (remote) the backend cannot be reached; nothing was deleted.
        """
        with self._store.lock("remove"):
            if not force:
                self._check_reachable()
            self._wish(Mode.ONLINE)
            return remove_content(self._store, self._listener)

    def verify(self) -> VerifyReport:
        """Read every file of the local copy and compare it with what was published.

        Raises:
            NotFoundError: (local) it is not offline.
        """
        with self._store.lock("verify"):
            return verify_installed(self._store, self._installed(), self._listener)

    def repair(self) -> Summary:
        """Fetch again what is damaged or missing in the local copy.

        Raises:
            NotFoundError: (local) it is not offline.
        """
        repository, _ = self._connect()
        with self._store.lock("repair"), self._noting_problems():
            return repair_version(self._store, self._installed(), repository, self._listener, self._row().title)

    def changes(self) -> Changes:
        """Return what is new in the newest version, compared with the local copy; fetches metadata only.

        Raises:
            NotFoundError: (local) it is not offline, or no longer offered.
            RemoteError: (remote) the repository cannot be asked.
        """
        installed = self._installed()
        repository, _ = self._connect()
        self._ask_for_news()
        head = repository.newest(self.id, self._offered())
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
        installed, head = self._installed(), self._head()
        if head is None or head.version <= installed.version:
            raise NotFoundError(
                f"No update of {self.id} is known, so there is none to skip",
                hint=f"`catsync check {self.id}` asks for updates",
            )
        self._state.save_catalog(replace(self._row(), skipped=head.version))
        return head.version

    def roll_back(self) -> Installed:
        """Make the previous version the current one again, once every file of it is verified. No connection is needed.

        Returns:
            What is installed then; the version before is its ``previous``, and an update brings the newest back.

        Raises:
            NotFoundError: (local) it is not offline, or no previous version is kept.
            DamagedError: (local) the previous version is damaged; nothing was changed.
        """
        with self._store.lock("rollback"):
            recover(self._store, self._listener)
            installed = self._installed()
            total = installed.previous.bytes if installed.previous else 0
            self._listener(Phase("rollback", self.id, "verify", total))
            count = Counter(lambda done, total: self._listener(Progress("rollback", self.id, done, total)), 0, total)
            after = roll_back(self._store, installed, count)
            self._listener(Phase("rollback", self.id, "done"))
            return after

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
        """
        installed = read_pointer(self._store, self._listener)
        if installed is not None:
            return self._sources.versions.local(self._store, installed)
        repository, _ = self._connect()
        if self._source is not None and not 0 <= time.time() - self._source.row.checked_at < max_age:
            self._ask_for_news()
        return self._sources.versions.online(repository, self.id, self._offered())

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

    def _install(self, activity: Activity, via: Via, folders: Sequence[Path]) -> Summary:
        with self._store.lock(activity), self._noting_problems():
            repository, usage = self._connect()
            self._ask_for_news()
            installed = read_pointer(self._store, self._listener)
            if installed is not None and self._offered().version == installed.version:
                return self._nothing_to_do(installed, usage)
            summary = self._installation(activity, repository, usage, via, folders).run()
            row = self._row()
            self._state.save_catalog(
                replace(
                    row,
                    title=summary.title,
                    downloaded_at=int(time.time()),
                    downloaded_bytes=summary.bytes_received,
                    problem="",
                    skipped=0,
                )
            )
        return summary

    def _installation(
        self, activity: Activity, repository: Repository, usage: Usage, via: Via, folders: Sequence[Path]
    ) -> Installation:
        return Installation(
            activity,
            self._store,
            repository,
            self._offered(),
            self._listener,
            usage,
            via=via,
            folders=folders,
            cancelled=self._cancelled,
        )

    def _nothing_to_do(self, installed: Installed, usage: Usage | None = None) -> Summary:
        manifest = load_manifest(self._store, installed)
        actions = {action.value: ActionTotal(0, 0) for action in Action}
        total = manifest.total_bytes()
        actions[Action.KEEP.value] = ActionTotal(manifest.total_files(), total)
        return Summary(
            schema=SCHEMA,
            catalog=self.id,
            title=self._row().title,
            from_version=installed.version,
            to_version=installed.version,
            changed=False,
            total_bytes=total,
            bytes_received=usage.bytes_received if usage else 0,
            requests=usage.requests if usage else 0,
            bytes_reused=total,
            bytes_written=0,
            seconds=0.0,
            actions=actions,
        )

    def _connect(self) -> tuple[Repository, Usage]:
        if self._source is None:
            raise NotFoundError(f"No repository offers {self.id} any more", hint="`catsync add REPO` adds one")
        repository = self._sources.open(self._source.row.url)
        return repository, Usage(repository)

    def _ask_for_news(self) -> None:
        if self._source is not None:
            self._source = self._sources.check(self._source)

    def _check_reachable(self) -> None:
        if self._source is None:
            raise NoConnectionError(
                f"No repository offers {self.id} any more, so nothing could be read after deleting the local copy",
                hint="The copy stays. `--force` deletes it all the same",
            )
        try:
            self._source = self._sources.check(self._source)
        except RemoteError as error:
            raise NoConnectionError(
                f"{self._source.row.shown} cannot be reached, so nothing of {self.id} could be read afterwards"
                f" ({error.message})",
                hint="The copy stays. Try again with a connection; `--force` deletes it all the same",
            ) from error

    def _installed(self) -> Installed:
        installed = read_pointer(self._store, self._listener)
        if installed is None:
            raise NotFoundError(
                f"{self.id} is not offline, so there is no local copy", hint=f"`catsync offline {self.id}` makes one"
            )
        return installed

    def _head(self) -> CatalogSummary | None:
        return self._source.index.catalogs.get(self.id) if self._source else None

    def _offered(self) -> CatalogSummary:
        head = self._head()
        if head is None:
            raise NotFoundError(
                f"No repository offers {self.id} any more", hint="A local copy stays until you delete it"
            )
        return head

    def _row(self) -> CatalogRow:
        row = self._state.catalogs().get(self.id)
        if row is not None:
            return row
        # Nothing was wished yet, or the state was lost: then a copy that is there was wished for.
        head = self._head()
        return CatalogRow(
            self.id,
            self._source.row.url if self._source else "",
            Mode.OFFLINE if read_pointer(self._store) is not None else Mode.ONLINE,
            head.title if head else self.id,
        )

    def _wish(self, mode: Mode) -> None:
        row = self._row()
        if row.mode is not mode or row.problem:
            self._state.save_catalog(replace(row, mode=mode, problem=""))

    @contextmanager
    def _noting_problems(self) -> Iterator[None]:
        try:
            yield
        except CatsyncError as error:
            with suppress(LocalError):  # on a full disk it cannot be noted, and is told all the same
                self._state.save_catalog(replace(self._row(), problem=error.message))
            raise
