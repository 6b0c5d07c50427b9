"""The state of a catalog in one record, from what is wished, what is there and what is offered."""

from __future__ import annotations

from catsync_core.client.checks import AGENT, RUNNER, explain_no_check, is_beating, watch_catalog
from catsync_core.client.device import Device
from catsync_core.client.labels import Axes, derive_label, is_alive
from catsync_core.client.report import SCHEMA, CatalogInfo, JobInfo
from catsync_core.client.rows import CatalogRow, Gate, Job
from catsync_core.client.sources import Source
from catsync_core.store.records import Installed
from catsync_core.store.spool import bytes_kept

__all__ = ["describe_catalog", "describe_job"]

_DAY = 86400.0


def describe_catalog(
    row: CatalogRow, job: Job | None, source: Source | None, installed: Installed | None, device: Device
) -> CatalogInfo:
    """Return the state of a catalog; nobody is asked for it.

    Args:
        row: What is wished.
        job: What is to be done.
        source: The repository that offers it; None when none does any more.
        installed: What is there.
        device: Where it is.

    Raises:
        LocalError: (local) what has arrived of an unfinished download cannot be counted.
        ConfigError: (local) the configuration makes no sense.
    """
    head = source.index.catalogs.get(row.catalog) if source else None
    store = device.store(row.catalog)
    now = device.now()
    watched = watch_catalog(device, row, source)
    previous = installed.previous if installed else None
    axes = Axes(
        mode=row.mode,
        installed=installed.version if installed else None,
        head=head.version if head else None,
        skipped=row.skipped,
        job=job,
        problem=row.problem_code if row.problem else "",
        repository_problem=source.row.problem_code if source else "",
        checked_at=source.row.checked_at if source else 0,
        stale_after=device.settings.config.auto_sync(row.catalog).stale_after_days * _DAY,
        expires=source.index.expires if source else 0,
        served=is_beating(device, RUNNER),
    )
    return CatalogInfo(
        schema=SCHEMA,
        catalog=row.catalog,
        title=head.title if head else row.title,
        repository=source.row.shown if source else "",
        offered=head is not None,
        mode=row.mode,
        label=derive_label(axes, now),
        installed_version=axes.installed,
        head_version=axes.head,
        files=head.files if head else 0,
        bytes=head.bytes if head else 0,
        installed_files=installed.files if installed else 0,
        installed_bytes=installed.bytes if installed else 0,
        installed_published=installed.published if installed else 0,
        installed_at=installed.installed_at if installed else 0,
        head_published=head.published if head else 0,
        checked_at=source.row.checked_at if source else 0,
        downloaded_at=row.downloaded_at,
        downloaded_bytes=row.downloaded_bytes,
        kept_bytes=bytes_kept(store),
        problem=row.problem or (source.row.problem if source else ""),
        path=str(store.version_path(installed.version)) if installed else "",
        skipped_version=row.skipped if installed and head and row.skipped > installed.version else None,
        auto_sync=watched.auto_sync,
        next_check=watched.next_check,
        no_check=explain_no_check(device, watched),
        agent=is_beating(device, AGENT),
        job=describe_job(job, now) if job else None,
        problem_code=row.problem_code or (source.row.problem_code if source else ""),
        problem_at=row.problem_at or (source.row.attempted_at if source and source.row.problem else 0),
        previous_version=previous.version if previous else None,
        previous_bytes=previous.bytes if previous else 0,
        expires=source.index.expires if source else 0,
    )


def describe_job(job: Job, now: float, position: int = 0) -> JobInfo:
    """Return what there is to tell of a job.

    Args:
        job: What is to be done.
        now: Seconds since 1970.
        position: Its place among those that wait for their turn; 0 where it does not.
    """
    running = is_alive(job, now)
    return JobInfo(
        catalog=job.catalog,
        kind=job.kind.value,
        running=running,
        phase=job.phase if running else "",
        done=job.done,
        total=job.total,
        gate="" if running and job.gate is not Gate.USER_PAUSE else job.gate.value,
        reason=job.reason,
        until=job.until or None,
        attempts=job.attempts,
        asked_at=job.asked_at,
        by_user=job.by_user,
        position=position,
    )
