"""The work of each kind of job. Whoever calls it holds the catalog's lock; nothing is written down here.

What installs and repairs is much code. It is loaded while the repository is asked, not before that begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from catsync_core.client.aside import Aside
from catsync_core.client.origin import Origin
from catsync_core.client.progress import Counter
from catsync_core.client.report import SCHEMA, ActionTotal, Summary
from catsync_core.client.rows import Job, JobKind
from catsync_core.client.usage import Usage
from catsync_core.client.watch import Watch
from catsync_core.errors import NotFoundError
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

if TYPE_CHECKING:
    from catsync_core.client.installation import Installation
    from catsync_core.client.present import Present

__all__ = ["Work", "require_installed"]

_FEW = 1000  # files: to look at them takes some hundredths of a second


class Work(msgspec.Struct, frozen=True):
    """What jobs do with one catalog.

    Attributes:
        store: The catalog's place.
        origin: Where it comes from.
        title: As it was last known.
        folders: Other copies whose files and blocks are reused.
        force: Whether the local copy may go though nothing can be read afterwards.
    """

    store: CatalogStore
    origin: Origin
    title: str
    folders: Sequence[Path] = ()
    force: bool = False

    def do(self, watch: Watch, job: Job) -> object:
        """Do a job, whatever it is; returns what is to be told of it."""
        works: dict[JobKind, Callable[[], object]] = {
            JobKind.INSTALL: lambda: self.download(Via(job.via), watch),
            JobKind.UPDATE: lambda: self.download(Via(job.via), watch),
            JobKind.REPAIR: lambda: self.repair(watch),
            JobKind.ROLLBACK: lambda: self.roll_back(watch),
            JobKind.REMOVE: lambda: self.remove(watch),
        }
        return works[job.kind]()

    def prepare(self, via: Via, listener: Listener, watch: Watch | None = None) -> Installation:
        """Ask for news, and return what brings the newest version here.

        Args:
            via: Which ways the plan may take.
            listener: Gets events.
            watch: Looks after it, if it is to be done and not only planned.

        Raises:
            NotFoundError: (local) no repository offers the catalog any more.
            RemoteError: (remote) the repository cannot be asked.
        """
        repository, usage = self.origin.connect()
        known = self.origin.head  # now, for the answer may change it at any time
        asking = Aside(self.origin.ask, "catsync-ask")
        present = self._look_early(known)
        try:
            from catsync_core.client.installation import Installation  # noqa: PLC0415 - while the answer travels

            asking.result()
            head = self.origin.offered()
        except BaseException:
            if present is not None:
                present.close()
            raise
        job = JobKind.INSTALL if read_pointer(self.store) is None else JobKind.UPDATE
        return Installation(
            job.value,
            self.store,
            repository,
            head,
            listener,
            usage,
            via=via,
            folders=self.folders,
            present=present,
            watch=watch,
        )

    def download(self, via: Via, watch: Watch) -> Summary:
        """Bring the newest version here.

        Raises:
            RemoteError: (remote) it cannot be downloaded; what has arrived is kept.
            DiskFullError: (local) there is not enough space.
            WaitsError: (local) a policy does not allow it now.
            DeniedError: (local) a policy does not allow it.
        """
        watch.admit(0, 0)
        installation = self.prepare(via, watch, watch)
        installed = read_pointer(self.store, watch)
        if installed is not None and installation.head.version == installed.version:
            if installation.present is not None:
                installation.present.close()
            return self.nothing_to_do(installed, installation.usage)
        return installation.run()

    def repair(self, watch: Watch) -> Summary:
        """Fetch again what is damaged or missing in the local copy.

        Raises:
            NotFoundError: (local) it is not offline, or no repository offers it any more.
            RemoteError: (remote) something cannot be fetched.
        """
        from catsync_core.client.repair import repair_version  # noqa: PLC0415 - loads much, and only here

        repository, _ = self.origin.connect()
        return repair_version(self.store, require_installed(self.store, watch), repository, watch, self.title)

    def roll_back(self, watch: Watch) -> Installed:
        """Make the previous version the current one again, once every file of it is verified.

        Raises:
            NotFoundError: (local) it is not offline, or no previous version is kept.
            DamagedError: (local) the previous version is damaged; nothing was changed.
        """
        recover(self.store, watch)
        installed = require_installed(self.store, watch)
        total = installed.previous.bytes if installed.previous else 0
        job, catalog = JobKind.ROLLBACK.value, self.store.catalog
        watch(Phase(job, catalog, "verify", total))
        after = roll_back(
            self.store, installed, Counter(lambda done, all_: watch(Progress(job, catalog, done, all_)), 0, total)
        )
        watch(Phase(job, catalog, "done"))
        return after

    def remove(self, watch: Watch) -> list[str]:
        """Delete the local copy, and exactly that.

        Returns:
            Files that catsync did not put there and has left.

        Raises:
            NoConnectionError: (remote) the backend cannot be reached; nothing was deleted.
        """
        if not self.force and read_pointer(self.store) is not None:
            self.origin.require_reachable()
        watch.require_wanted()
        return remove_content(self.store, watch)

    def nothing_to_do(self, installed: Installed, usage: Usage | None = None) -> Summary:
        """Return the summary of a job that found everything done."""
        manifest = load_manifest(self.store, installed)
        actions = {action.value: ActionTotal(0, 0) for action in Action}
        total = manifest.total_bytes()
        actions[Action.KEEP.value] = ActionTotal(manifest.total_files(), total)
        return Summary(
            schema=SCHEMA,
            catalog=self.store.catalog,
            title=self.title,
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

    def _look_early(self, head: CatalogSummary | None) -> Present | None:
        """Begin to look at what is here while the repository is asked, where an update is known of already.

        Otherwise it is probably in vain, and only done where it takes no longer than the repository does.
        """
        installed = read_pointer(self.store)
        if installed is None or head is None:
            return None
        if head.version <= installed.version and installed.files > _FEW:
            return None
        from catsync_core.client.present import Present  # noqa: PLC0415 - loads much, and a first download has none

        return Present(self.store, installed)


def require_installed(store: CatalogStore, watch: Watch | None = None) -> Installed:
    """Return what is installed.

    Raises:
        NotFoundError: (local) nothing is.
    """
    installed = read_pointer(store) if watch is None else read_pointer(store, watch)
    if installed is None:
        raise NotFoundError(
            f"{store.catalog} is not offline, so there is no local copy",
            hint=f"`catsync offline {store.catalog}` makes one",
        )
    return installed
