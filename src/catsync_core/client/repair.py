"""Repair the installed version: find what is damaged, fetch only that, replace it file by file."""

from __future__ import annotations

import time
from contextlib import closing

from catsync_core.client.inventory import list_installed
from catsync_core.client.progress import Counter
from catsync_core.client.report import Summary, summarise
from catsync_core.client.usage import Usage, measure_link
from catsync_core.errors import ContentError, IntegrityError
from catsync_core.events import Listener, Phase, Progress
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalPart, Part, Plan
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.store.replace import replace_file, restore_directory
from catsync_core.store.spool import Spool
from catsync_core.store.verify import VerifyReport, verify_version
from catsync_core.transfer.fetch import fetch_requests
from catsync_core.transfer.parts import PartSource
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

__all__ = ["repair_version", "verify_installed"]


def verify_installed(store: CatalogStore, installed: Installed, listener: Listener) -> VerifyReport:
    """Read every file of the installed version and compare it with what was published.

    Args:
        store: The catalog's place.
        installed: The version.
        listener: Gets phases and progress.
    """
    manifest = load_manifest(store, installed)
    total = manifest.total_bytes()
    listener(Phase("verify", store.catalog, "verify", total))
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        listener(Progress("verify", store.catalog, min(done, total), total))

    report = verify_version(store, installed, manifest, count)
    listener(Phase("verify", store.catalog, "done"))
    return report


def repair_version(
    store: CatalogStore, installed: Installed, repository: Repository, listener: Listener, title: str
) -> Summary:
    """Verify the installed version and fetch again what is damaged or missing.

    Raises:
        RemoteError: (remote) something cannot be fetched.
        ContentError: (content) what was fetched is damaged too.
    """
    started = time.monotonic()
    usage = Usage(repository)
    report = verify_installed(store, installed, listener)
    bad = {path for path, _ in report.damaged} | set(report.missing)
    intact, suspect = list_installed(store, installed)
    inventory = Inventory(
        [file for file in intact if file.path not in bad],
        [*suspect, *(file for file in intact if file.path in bad)],
    ).without([file for file in intact if file.path in bad])
    manifest = load_manifest(store, installed)
    spool = Spool(store)
    preparation = Preparation(repository, manifest, inventory, lambda: measure_link(repository))
    plan = preparation.plan(installed.version, lambda piece: spool.has(piece.pack, piece.offset, piece.length))
    total = plan.kept_bytes + plan.fetch_bytes
    listener(Phase("repair", store.catalog, "fetch", total))
    count = Counter(lambda done, all_: listener(Progress("repair", store.catalog, done, all_)), plan.kept_bytes, total)
    fetch_requests(repository.backend, plan.requests, spool, count)
    try:
        written = _replace(plan, store, installed, spool)
    except ContentError as error:
        spool.clear()
        raise IntegrityError(f"What was fetched to repair {store.catalog} is damaged too: {error.message}") from error
    spool.clear()
    listener(Phase("repair", store.catalog, "done"))
    return summarise(
        plan,
        title,
        bytes_received=usage.bytes_received,
        requests=usage.requests,
        bytes_written=written,
        seconds=time.monotonic() - started,
    )


def _replace(plan: Plan, store: CatalogStore, installed: Installed, spool: Spool) -> int:
    written = 0
    built = {file.entry.content: file for file in plan.files if file.parts}
    with closing(PartSource(spool, (part for file in built.values() for part in file.parts))) as source:
        for file in plan.files:
            if file.entry.content is None:
                restore_directory(store, installed.version, file.entry.path)
            elif file.source is None or file.source.path != file.entry.path:
                content = plan.manifest.contents[file.entry.content]
                if file.source is not None:
                    parts: tuple[Part, ...] = (LocalPart(str(file.source.location), 0, content.size),)
                else:
                    parts = built[file.entry.content].parts if content.size else ()
                chunks = (data for part in parts for data in source.read(part))
                replace_file(
                    store,
                    installed.version,
                    file.entry.path,
                    chunks,
                    size=content.size,
                    sha256=content.sha256,
                    mtime=file.entry.mtime,
                )
                written += content.size
    return written
