"""From what the engine knows of a catalog to its row: pure functions."""

from __future__ import annotations

from catsync_core import CatalogInfo, JobInfo
from catsync_plugins.web.rows import Row, RowJob, Size

__all__ = ["Step", "row_of", "unreachable"]

Step = tuple[str, int, int]
"""A job's step by its events: name, bytes that are done, bytes in all."""

_UNREACHABLE = ("no_connection", "server", "remote")
_REASONS = {
    "The network connection is metered": "metered",
    "Downloads wait for the hours": "window",
}
"""How the reasons of the built-in policies begin, and what they are about."""
_ABOUT_SPACE = " of the disk"


def unreachable(problem_code: str) -> bool:
    """Return whether a problem means that there is no connection, which is nobody's fault."""
    return problem_code in _UNREACHABLE


def row_of(info: CatalogInfo, position: int = 0, step: Step | None = None, update: Size | None = None) -> Row:
    """Return a catalog's row.

    Args:
        info: What the engine knows.
        position: In the queue, from 1; 0 when it is not queued.
        step: Of its job, where that runs in this process.
        update: What its update would bring, where that is known.
    """
    # A job that the user pauses takes a moment to stop: the page shows the wish at once and does not waver.
    paused = info.job is not None and info.job.gate == "user_pause"
    return Row(
        id=info.catalog,
        title=info.title,
        label="paused" if paused else str(info.label),
        mode=info.mode.value,
        repository=info.repository,
        offered=info.offered,
        auto_sync=info.auto_sync,
        installed_version=info.installed_version,
        head_version=info.head_version,
        previous_version=info.previous_version,
        skipped_version=info.skipped_version,
        bytes=info.bytes,
        files=info.files,
        installed_bytes=info.installed_bytes,
        installed_published=info.installed_published,
        head_published=info.head_published,
        checked_at=info.checked_at,
        downloaded_at=info.downloaded_at,
        downloaded_bytes=info.downloaded_bytes,
        kept_bytes=info.kept_bytes,
        problem=info.problem,
        problem_code=info.problem_code,
        next_check_at=int(info.next_check or 0),
        expires=info.expires,
        job=None if info.job is None else job_of(info.job, info.problem_code, position, step),
        update=update,
    )


def job_of(job: JobInfo, problem_code: str = "", position: int = 0, step: Step | None = None) -> RowJob:
    """Return what a row says of a job.

    Args:
        job: What the engine knows.
        problem_code: Of the catalog's last problem.
        position: As in :func:`row_of`.
        step: Likewise.
    """
    running = job.running and job.gate != "user_pause"
    phase, done, total = job.phase, job.done, job.total
    if running and step is not None and step[0] not in {"", "done"}:
        phase, done, total = step
    gate = _gate_of(job, problem_code, position)
    queued = not job.running and not job.gate
    return RowJob(
        kind=job.kind,
        phase="queued" if queued else phase,
        gate=gate,
        reason=job.reason,
        until=job.until or 0.0,
        done=done,
        total=total,
        position=position if queued else 0,
        running=running,
    )


def _gate_of(job: JobInfo, problem_code: str, position: int) -> str:
    """Return why a job does not go on, in a word for which the page has a text."""
    if job.gate == "retry":
        return "network" if unreachable(problem_code) else "retry"
    if job.gate in {"policy", "consent"}:
        about = next((word for beginning, word in _REASONS.items() if job.reason.startswith(beginning)), "")
        return about or ("space" if _ABOUT_SPACE in job.reason else job.gate)
    return job.gate or ("queue" if position else "")
