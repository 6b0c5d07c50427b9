"""What starts without a person asking for it: only what a policy that the user enabled says, and nothing else.

This is the one place that leads from what a repository offers to a download. Where no policy is enabled, nothing does.
"""

from __future__ import annotations

from catsync_core.client.device import Device
from catsync_core.client.lifecycle import Asked, Record, advance
from catsync_core.client.rows import CatalogRow, Job, JobKind, Mode
from catsync_core.client.sources import Source
from catsync_core.events import ModeChanged
from catsync_core.format.index import CatalogSummary
from catsync_core.hookspecs import Offer, Question
from catsync_core.store.pointer import read_pointer

__all__ = ["start_by_policy"]


def start_by_policy(device: Device, source: Source) -> list[Job]:
    """Queue what the enabled policies say is to start by itself: new catalogs, and updates that were found.

    Args:
        device: Where.
        source: A repository that has just been asked for news.

    Returns:
        The jobs that are queued now and were not before.
    """
    if not device.settings.policies.enabled:
        return []
    rows = device.state.catalogs()
    found = (_start(device, source, catalog, rows.get(catalog)) for catalog in sorted(source.index.catalogs))
    return [job for job in found if job is not None]


def _start(device: Device, source: Source, catalog: str, row: CatalogRow | None) -> Job | None:
    head = source.index.catalogs[catalog]
    installed = read_pointer(device.store(catalog))
    if installed is None:
        if row is not None or not device.settings.policies.starts_offline(_offer(catalog, head)):
            return None  # once the user has wished something of it, only the user does
        return _queue(device, source, catalog, JobKind.INSTALL, None)
    if installed.previous is not None and installed.previous.version > installed.version:
        return None  # the user went back to the previous version, so only the user leaves it again
    newest = max(installed.version, row.skipped if row else 0)
    if row is None or row.repository != source.row.url or row.mode is Mode.ONLINE or head.version <= newest:
        return None
    question = Question("update", catalog, 0, 0, device.stored_bytes(), by_user=False, now=device.now())
    if not device.settings.policies.starts_update(question):
        return None
    return _queue(device, source, catalog, JobKind.UPDATE, installed.version)


def _queue(device: Device, source: Source, catalog: str, kind: JobKind, installed: int | None) -> Job | None:
    new = CatalogRow(catalog, source.row.url, Mode.ONLINE, source.index.catalogs[catalog].title)
    event = Asked(kind, device.now(), installed, by_user=False)
    known: Job | None = None

    def decide(row: CatalogRow | None, job: Job | None) -> tuple[CatalogRow, Job | None]:
        nonlocal known
        known = job
        if job is not None or (row is not None and kind is JobKind.INSTALL):
            return row or new, job  # the user was quicker
        after = advance(Record(row or new, job), event)
        return after.row, after.job

    row, job = device.state.change(catalog, decide)
    if known is not None or job is None:
        return None
    if kind is JobKind.INSTALL:
        device.listener(ModeChanged(catalog, row.mode.value))
    return job


def _offer(catalog: str, head: CatalogSummary) -> Offer:
    return Offer(catalog, head.title, head.bytes)
