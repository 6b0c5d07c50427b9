"""Bring one version of one catalog onto the device: plan, fetch, assemble, commit.

Everything before the commit can be interrupted at any time; the next attempt goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec
from msgspec.structs import replace

from catsync_core.client.approach import Approach
from catsync_core.client.inventory import take_stock
from catsync_core.client.present import Present
from catsync_core.client.progress import Counter, LaterProgress, Report, pace
from catsync_core.client.report import Summary, summarise, summarise_plan
from catsync_core.client.route import PatchRoute, Route
from catsync_core.client.usage import Usage, measure_link
from catsync_core.client.watch import Watch
from catsync_core.errors import IntegrityError
from catsync_core.events import Listener, Phase, Progress, Warned
from catsync_core.format.head import Head
from catsync_core.format.index import CatalogSummary
from catsync_core.format.objects import ObjectRef
from catsync_core.plan.model import Action, LocalPart, PatchPart, Piece, Plan, Via
from catsync_core.plan.requests import find_pieces
from catsync_core.store.commit import commit, recover
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import read_pointer
from catsync_core.store.records import VersionRecord
from catsync_core.store.space import require_space
from catsync_core.store.spool import Spool
from catsync_core.store.tree import StagingTree
from catsync_core.transfer.assemble import DamagedPartsError, assemble_version
from catsync_core.transfer.fetch import Fetching, fetch_requests
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

__all__ = ["Installation"]

_ATTEMPTS = 3


class Installation(msgspec.Struct):
    """One job: an install or an update.

    Attributes:
        job: ``install`` or ``update``, as events name it.
        store: The catalog's place; the caller holds its lock.
        repository: Where the version lies.
        head: What the index says of it.
        listener: Gets phases, progress and warnings.
        usage: What was used since the job began, the check before it included.
        via: Which ways the plan may take.
        folders: Other copies to reuse.
        present: The version that is here, where somebody has begun to look at it.
        watch: Looks after the job, and stops it where it may not go on; a mere plan needs none.
        now: The clock, seconds since 1970.
    """

    job: str
    store: CatalogStore
    repository: Repository
    head: CatalogSummary
    listener: Listener
    usage: Usage
    via: Via = Via.AUTO
    folders: Sequence[Path] = ()
    present: Present | None = None
    watch: Watch | None = None
    now: Callable[[], float] = time.time

    def plan(self) -> Summary:
        """Make the plan and return what it will do; fetches metadata only."""
        started = time.monotonic()
        spool = Spool(self.store) if self.store.exists() else None
        with self._look() as present:
            approach = self._find_approach(self._fetch_head(), present, spool)
            route = approach.take(lambda patch: patch.preview(_kept_by(spool)))
            plan = self._make_plan(approach.prepare(route), present, spool)
        plan = replace(
            plan,
            metadata_bytes=plan.metadata_bytes + route.later_bytes,
            metadata_requests=plan.metadata_requests + route.later_requests,
        )
        return summarise_plan(plan, self.head.title, approach.considered, time.monotonic() - started)

    def run(self) -> Summary:
        """Bring the version onto the device.

        Raises:
            RemoteError: (remote) something cannot be fetched; what has arrived is kept.
            ContentError: (content) the repository's objects are damaged; the old version is untouched.
            DiskFullError: (local) there is not enough space; nothing was changed.
        """
        started = time.monotonic()
        recover(self.store, self.listener)
        spool = Spool(self.store)
        with self._look() as present:
            head = self._fetch_head()
            approach = self._find_approach(head, present, spool)
            decoded = FrameCache[Decoded]()
            route = approach.take(lambda patch: self._follow(patch, spool, decoded))
            preparation = approach.prepare(route)
        with StagingTree(self.store, head.version, head.manifest) as staging:
            plan, written = self._build(preparation, present, spool, staging, decoded)
            spool.close()
            self._require_wanted()
            self._phase("commit")
            record = VersionRecord(
                head.version,
                ObjectRef.of(route.data),
                self.head.head,
                head.published,
                int(self.now()),
                head.files,
                head.bytes,
            )
            commit(self.store, staging, record, route.data, self.listener, manifest=route.manifest)
        self._phase("done")
        return summarise(
            plan,
            self.head.title,
            bytes_received=self.usage.bytes_received,
            requests=self.usage.requests,
            bytes_written=written,
            seconds=time.monotonic() - started,
            ways=approach.considered,
        )

    def _look(self) -> Present | nullcontext[None]:
        """Look at the version that is here, unless somebody has begun to do so."""
        installed = read_pointer(self.store, self.listener)
        if installed is None:
            return nullcontext()
        if self.present is not None and self.present.version == installed.version:
            return self.present
        return Present(self.store, installed)

    def _fetch_head(self) -> Head:
        self._phase("plan")
        return self.repository.newest(self.store.catalog, self.head)

    def _find_approach(self, head: Head, present: Present | None, spool: Spool | None) -> Approach:
        return Approach(
            self.repository,
            head,
            self.store,
            present,
            via=self.via,
            folders=bool(self.folders),
            is_kept=_kept_by(spool),
            prepare=lambda route: self._prepare(route, present),
            usage=self.usage,
            warn=self._warn,
        )

    def _follow(self, patch: PatchRoute, spool: Spool, decoded: FrameCache[Decoded]) -> Route:
        requests = patch.requests(_kept_by(spool))
        total = sum(each.patch.length for each in patch.patches)
        self._admit(total, total)
        require_space(self.store.root, total, f"The patch to version {self.head.version} of {self.store.catalog}")
        self._phase("fetch", total)
        progress = Counter(self._progress, total - sum(request.length for request in requests), total)
        fetch_requests(self.repository.backend, requests, spool, progress, cancelled=self._cancelled)
        return patch.follow(spool, self._count_decoded, self._warn, decoded)

    def _count_decoded(self, total: int) -> Callable[[int], None]:
        self._phase("decode", total)
        counter = Counter(pace(self._progress), 0, total)

        def count(size: int) -> None:
            if self.watch:
                self.watch.require_running()
            counter(size)

        return count

    def _prepare(self, route: Route, present: Present | None) -> Preparation:
        files = present.files() if present else ([], [])
        inventory = take_stock(self.store, files, route.manifest, self.folders)
        link = lambda: measure_link(self.repository)  # noqa: E731  # asked anew when it is needed, for it is measured
        return Preparation(self.repository, route.manifest, inventory, link, self.via, warn=self._warn)

    def _make_plan(self, preparation: Preparation, present: Present | None, spool: Spool | None) -> Plan:
        plan = preparation.plan(
            present.version if present else None,
            _kept_by(spool),
        )
        return replace(plan, metadata_bytes=self.usage.bytes_received, metadata_requests=self.usage.requests)

    def _build(
        self,
        preparation: Preparation,
        present: Present | None,
        spool: Spool,
        staging: StagingTree,
        decoded: FrameCache[Decoded],
    ) -> tuple[Plan, int]:
        written = 0
        for _ in range(_ATTEMPTS):
            plan = self._make_plan(preparation, present, spool)
            try:
                return plan, written + self._fetch_and_assemble(plan, spool, staging, decoded)
            except DamagedPartsError as error:
                damage = error
                self._warn(f"{error.message}; they are fetched again")
                _distrust(damage, plan, preparation, spool)
        raise IntegrityError(
            f"Version {self.head.version} of {self.store.catalog} at {self.repository.url} is damaged: {damage.message}"
        ) from damage

    def _fetch_and_assemble(self, plan: Plan, spool: Spool, staging: StagingTree, decoded: FrameCache[Decoded]) -> int:
        copied = sum(file.size for file in plan.files if file.action is Action.COPY)
        needed = plan.fetch_bytes + plan.write_bytes + copied
        self._admit(plan.fetch_bytes, needed)
        require_space(self.store.root, needed, f"Version {self.head.version} of {self.store.catalog}")
        total = plan.kept_bytes + plan.fetch_bytes
        self._phase("fetch", total)
        progress = Counter(self._progress, plan.kept_bytes, total)
        streams = measure_link(self.repository).count_streams(plan.requests)
        with Fetching(
            self.repository.backend, plan.requests, spool, progress, streams=streams, cancelled=self._cancelled
        ) as fetching:
            assembled = LaterProgress(self._begin, "assemble", plan.manifest.total_bytes(), fetching)
            written = assemble_version(plan, self.store, staging, spool, assembled, fetching=fetching, decoded=decoded)
            fetching.finish()
        assembled.finish()
        return written

    @property
    def _cancelled(self) -> threading.Event | None:
        return self.watch.cancelled if self.watch else None

    def _admit(self, fetch_bytes: int, disk_bytes: int) -> None:
        if self.watch:
            self.watch.admit(fetch_bytes, disk_bytes)

    def _require_wanted(self) -> None:
        if self.watch:
            self.watch.require_wanted()

    def _begin(self, name: str, total: int) -> Report:
        self._phase(name, total)
        return self._progress

    def _warn(self, message: str) -> None:
        self.listener(Warned(self.store.catalog, message))

    def _phase(self, name: str, total: int = 0) -> None:
        self.listener(Phase(self.job, self.store.catalog, name, total))

    def _progress(self, done: int, total: int) -> None:
        self.listener(Progress(self.job, self.store.catalog, done, total))


def _kept_by(spool: Spool | None) -> Callable[[Piece], bool]:
    return lambda piece: spool is not None and spool.has(piece.pack, piece.offset, piece.length)


def _distrust(damage: DamagedPartsError, plan: Plan, preparation: Preparation, spool: Spool) -> None:
    """Arrange that the next plan gets everything damaged in another way, or anew."""
    forgotten: set[Piece] = set(damage.pieces)
    for file in plan.files:
        if file.parts and file.entry.content in damage.contents:
            if any(isinstance(part, LocalPart | PatchPart) for part in file.parts):
                preparation.distrust(file.entry.content)
            forgotten |= find_pieces(file.parts)[0]
    for piece in forgotten:
        spool.forget(piece.pack, piece.offset, piece.length)
    preparation.inventory = preparation.inventory.without(damage.files)
