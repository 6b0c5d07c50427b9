"""Check repositories: ask for news, tell of each update once, and know when the next check is due. Metadata only."""

from __future__ import annotations

from msgspec.structs import replace

from catsync_core.client.device import Device
from catsync_core.client.lifecycle import Reached, Record, advance
from catsync_core.client.report import Checked
from catsync_core.client.rows import CatalogRow, Gate, Job, Mode
from catsync_core.client.schedules import seed_of
from catsync_core.client.sources import Source
from catsync_core.client.timetable import Watched, why_not
from catsync_core.errors import CatsyncError
from catsync_core.events import RepositoryChecked, UpdateFound
from catsync_core.hookspecs import LastCheck
from catsync_core.store.layout import list_stored
from catsync_core.store.pointer import read_pointer

__all__ = ["AGENT", "NO_AGENT", "RUNNER", "check_repository", "explain_no_check", "is_beating", "watch_catalog"]

AGENT, RUNNER = "agent", "runner"
"""The facts by which an agent, and whoever runs queued jobs, say that they are there: seconds since 1970."""
_SILENT = 15.0  # seconds after which who said nothing is not there; they say so three times as often
NO_AGENT = "No agent is running on this device, so nothing is checked by itself; `catsync agent install` starts one"


def check_repository(device: Device, source: Source, *, by_user: bool) -> tuple[Source, Checked]:
    """Ask a repository for news: one request for all its catalogs. What goes wrong is reported, not raised.

    Args:
        device: Where.
        source: The repository.
        by_user: Whether a person asks, and not a schedule.

    Returns:
        The repository as it is known now, and what was found.
    """
    device.settings.require_notices()
    shown = source.row.shown
    try:
        source = device.sources.check(source)
    except CatsyncError as error:
        device.listener(RepositoryChecked(shown, (), error.message, by_user))
        return source, Checked(shown, error.message, error.hint, error.code, error.exit_code, [])
    _wake_jobs(device, source)
    stored = (catalog for catalog in list_stored(device.home) if catalog in source.index.catalogs)
    updates = [catalog for catalog in stored if _has_update(device, source, catalog)]
    device.listener(RepositoryChecked(shown, tuple(updates), "", by_user))
    return source, Checked(shown, "", "", "", 0, updates)


def watch_catalog(device: Device, row: CatalogRow, source: Source | None) -> Watched:
    """Return what decides when a catalog is checked by itself."""
    schedules = device.settings.schedules
    auto_sync = schedules.is_enabled(row.catalog) if row.auto_sync is None else row.auto_sync
    offline = row.mode is Mode.OFFLINE
    next_check = None
    if source is not None and offline and auto_sync:
        found = source.row
        seed = seed_of(device.state.identity, row.catalog)
        next_check = schedules.next_check(
            LastCheck(row.catalog, found.checked_at, found.attempted_at, found.failures, device.now(), seed)
        )
    return Watched(row.catalog, source.row.url if source else None, offline, auto_sync, next_check)


def explain_no_check(device: Device, watched: Watched) -> str:
    """Return why a catalog is not checked by itself, a sentence; empty where it is."""
    reason = why_not(watched)
    if reason is not None:
        return reason.sentence
    return "" if is_beating(device, AGENT) else NO_AGENT


def is_beating(device: Device, name: str) -> bool:
    """Whether an agent, or whoever runs queued jobs, said just now that it is there."""
    beat = device.state.fact(name)
    return bool(beat) and 0 <= device.now() - float(beat) < _SILENT


def _wake_jobs(device: Device, source: Source) -> None:
    """Let jobs go on that wait for a connection to this repository."""

    def wake(row: CatalogRow | None, job: Job | None) -> tuple[CatalogRow, Job | None]:
        after = advance(Record(row or new, job), Reached(device.now()))
        return after.row, after.job

    for job in device.state.jobs():
        head = source.index.catalogs.get(job.catalog)
        if job.gate is Gate.RETRY and head is not None:
            new = CatalogRow(job.catalog, source.row.url, Mode.OFFLINE, head.title)
            device.state.change(job.catalog, wake)


def _has_update(device: Device, source: Source, catalog: str) -> bool:
    """Whether a newer version is offered than the one that is here; tells of it once."""
    head = source.index.catalogs[catalog]
    installed = read_pointer(device.store(catalog))
    row, _ = device.state.record(catalog)
    if installed is None or (row is not None and row.repository not in {"", source.row.url}):
        return False
    if head.version <= max(installed.version, row.skipped if row else 0):
        return False
    row = row or CatalogRow(catalog, source.row.url, Mode.OFFLINE, head.title)
    told = False

    def announce(found: CatalogRow | None, job: Job | None) -> tuple[CatalogRow, Job | None]:
        nonlocal told
        told = (found or row).announced < head.version
        return (replace(found or row, announced=head.version) if told else found or row), job

    if row.announced < head.version:
        device.state.change(catalog, announce)
    if told:
        device.listener(UpdateFound(catalog, head.title, installed.version, head.version))
    return True
