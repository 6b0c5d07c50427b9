"""What becomes of a catalog's wishes and its job when something happens: one pure function over rows.

The engine writes what this returns before it does anything, so whatever a crash cuts short is begun again: a job that
was running is queued, and a user's pause stays a pause.
"""

from __future__ import annotations

from functools import singledispatch

import msgspec
from msgspec.structs import replace

from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mode
from catsync_core.errors import CatsyncError, ContentError, DamagedError, LockedError, NoConnectionError, NotFoundError

__all__ = [
    "ATTEMPTS",
    "REFETCHES",
    "Asked",
    "Cancelled",
    "Done",
    "Event",
    "Failed",
    "Gated",
    "Paused",
    "Reached",
    "Record",
    "Resumed",
    "Started",
    "Verified",
    "advance",
    "backoff",
]

ATTEMPTS = 100
"""After so many failures in a row a job is given up: at the longest pause that is a day."""
REFETCHES = 3
"""After so many times in a row content that arrives damaged is not fetched again: it lies damaged there."""
_FIRST_PAUSE = 5.0  # seconds
_LONGEST_PAUSE = 900.0
_NOUNS = {
    JobKind.INSTALL: "the download",
    JobKind.UPDATE: "the update",
    JobKind.REPAIR: "the repair",
    JobKind.ROLLBACK: "the rollback",
    JobKind.REMOVE: "the removal",
}
_ENDING = (JobKind.ROLLBACK, JobKind.REMOVE)
"""Jobs that take no time worth pausing."""


class Record(msgspec.Struct, frozen=True):
    """What is written down of a catalog."""

    row: CatalogRow
    job: Job | None


class Asked(msgspec.Struct, frozen=True):
    """Somebody asks for a job.

    Attributes:
        kind: What is to be done.
        now: Seconds since 1970.
        via: Which ways a plan may take.
        by_user: Whether a person asks, and not a policy.
        consented: Whether the user wants it now, whatever policies would rather wait for.
        installed: The version that is here; None for none.
    """

    kind: JobKind
    now: float
    installed: int | None
    via: str = "auto"
    by_user: bool = True
    consented: bool = False


class Paused(msgspec.Struct, frozen=True):
    """The user wants the job to stop for now."""

    reason: str = "You paused it"


class Resumed(msgspec.Struct, frozen=True):
    """The user wants the job to go on, or what failed to be tried again."""

    now: float
    installed: int | None
    consented: bool = False


class Cancelled(msgspec.Struct, frozen=True):
    """The user does not want the job any more."""

    installed: int | None


class Started(msgspec.Struct, frozen=True):
    """A process that holds the catalog's lock begins to do the job.

    Attributes:
        kind: Of the job; another one that has taken its place meanwhile is not begun.
        now: Seconds since 1970.
    """

    kind: JobKind
    now: float


class Gated(msgspec.Struct, frozen=True):
    """The job cannot go on for now, which is nobody's failure.

    Attributes:
        kind: Of the job; one that has taken its place meanwhile is not touched.
        gate: Why.
        reason: The same as a sentence.
        until: When the gate opens by itself, seconds since 1970; 0 where that is not known.
    """

    kind: JobKind
    gate: Gate
    reason: str
    until: float = 0.0


class Reached(msgspec.Struct, frozen=True):
    """The repository answered, so that what failed for want of a connection can be tried again.

    Attributes:
        now: Seconds since 1970.
    """

    now: float


class Failed(msgspec.Struct, frozen=True):
    """The job failed.

    Attributes:
        kind: Of the job, as :class:`Gated`.
        error: What went wrong.
        now: Seconds since 1970.
        spread: From 0 up to 1: how much longer to wait before the next attempt, so that devices come one by one.
    """

    kind: JobKind
    error: CatsyncError
    now: float
    spread: float = 0.0


class Done(msgspec.Struct, frozen=True):
    """The job is done.

    Attributes:
        kind: Of the job, as :class:`Gated`.
        title: Of the catalog, as it is known now.
        now: Seconds since 1970.
        bytes_received: Of content and metadata; None where the job downloads nothing.
    """

    kind: JobKind
    title: str
    now: float
    bytes_received: int | None = None


class Verified(msgspec.Struct, frozen=True):
    """Every file of the local copy was read.

    Attributes:
        damage: What is wrong with it; empty for nothing.
        now: Seconds since 1970.
    """

    damage: str
    now: float


Event = Asked | Paused | Resumed | Cancelled | Started | Gated | Reached | Failed | Done | Verified


def backoff(attempts: int, spread: float) -> float:
    """Return the seconds to wait after so many failures in a row: twice as long each time, up to a quarter of an hour.

    Args:
        attempts: Failures in a row, at least 1.
        spread: From 0 up to 1.
    """
    return min(_FIRST_PAUSE * 2.0 ** min(attempts - 1, 16), _LONGEST_PAUSE) * (1 + spread / 2)


def advance(record: Record, event: Event) -> Record:
    """Return what is to be written down when something happens; doing the same twice changes nothing more.

    Raises:
        NotFoundError: (local) there is nothing that this could be done to.
        LockedError: (local) something else is under way that must end first.
    """
    return _advance(event, record)


@singledispatch
def _advance(event: Event, record: Record) -> Record:
    raise TypeError(f"{event!r} is no event of a lifecycle, at {record!r}")


@_advance.register
def _ask(event: Asked, record: Record) -> Record:
    row, job = record.row, record.job
    if event.kind is JobKind.REMOVE:
        return Record(_clear(replace(row, mode=Mode.ONLINE)), _renew(job, event, row))
    if event.kind is JobKind.INSTALL:
        row = replace(row, mode=Mode.OFFLINE)
        if event.installed is not None:  # it is here: what was to remove it is not wanted any more
            return Record(row, None if job and job.kind in {JobKind.INSTALL, JobKind.REMOVE} else job)
        return Record(_mend(row), _renew(None if job and job.kind is JobKind.REMOVE else job, event, row))
    if event.installed is None:
        raise _absent(row, event.kind)
    if job is not None and job.kind is not event.kind and not _gives_way(job, event):
        raise LockedError(
            f"{_NOUNS[job.kind].capitalize()} of {row.catalog} is not done yet",
            hint=f"`catsync resume {row.catalog}` goes on with it, `catsync cancel {row.catalog}` ends it",
        )
    return Record(_clear(row), _renew(job, event, row))


@_advance.register
def _pause(event: Paused, record: Record) -> Record:
    job = record.job
    if job is None or job.kind in _ENDING:
        raise NotFoundError(
            f"Nothing is under way with {record.row.catalog} that could be paused", hint="`catsync jobs` shows what is"
        )
    return replace(record, job=replace(_rest(job), gate=Gate.USER_PAUSE, reason=event.reason, until=0.0))


@_advance.register
def _resume(event: Resumed, record: Record) -> Record:
    row, job = record.row, record.job
    if job is not None:
        return replace(record, job=_open(job, consented=event.consented or job.consented))
    if row.mode is Mode.OFFLINE and (event.installed is None or row.problem):
        kind = JobKind.REPAIR if _is_damaged(row) else JobKind.UPDATE
        kind = JobKind.INSTALL if event.installed is None else kind
        return _ask(Asked(kind, event.now, event.installed, consented=event.consented), record)
    raise NotFoundError(
        f"Nothing of {row.catalog} waits to be resumed", hint="`catsync jobs` shows what is paused or waits"
    )


@_advance.register
def _cancel(event: Cancelled, record: Record) -> Record:
    row, job = record.row, record.job
    unfinished = row.mode is Mode.OFFLINE and event.installed is None
    if job is None and not unfinished:
        raise NotFoundError(
            f"Nothing is under way with {row.catalog} that could be cancelled", hint="`catsync jobs` shows what is"
        )
    if event.installed is not None:
        return Record(_clear(replace(row, mode=Mode.OFFLINE)), None)
    if job is not None and job.kind is JobKind.REMOVE:
        raise LockedError(
            f"The removal of {row.catalog} has begun, so it cannot be cancelled",
            hint=f"`catsync resume {row.catalog}` finishes it",
        )
    return Record(_mend(replace(row, mode=Mode.ONLINE)), None)


@_advance.register
def _start(event: Started, record: Record) -> Record:
    found = record.job
    if found is None or found.kind is not event.kind:
        raise NotFoundError(f"{_NOUNS[event.kind].capitalize()} of {record.row.catalog} was cancelled")
    job = _open(found, consented=found.consented)
    # Where the clock was set back, the job is not to seem to be from times to come.
    asked_at = min(found.asked_at, event.now)
    return replace(record, job=replace(job, attempts=found.attempts, asked_at=asked_at, beat_at=event.now))


@_advance.register
def _gate(event: Gated, record: Record) -> Record:
    job = record.job
    if job is None or job.kind is not event.kind:
        return record
    # What the user says while it is being stopped counts more than why it is being stopped.
    agreed = job.consented and event.gate in {Gate.POLICY, Gate.CONSENT}
    resumed = event.gate is Gate.USER_PAUSE
    if agreed or resumed or job.gate is Gate.USER_PAUSE:
        return replace(record, job=_rest(job))
    return replace(record, job=replace(_rest(job), gate=event.gate, reason=event.reason, until=event.until))


@_advance.register
def _reach(event: Reached, record: Record) -> Record:
    job = record.job
    passing = {NoConnectionError.code, DamagedError.code}  # what was damaged before hides why its repair waits
    if job is None or job.gate is not Gate.RETRY or record.row.problem_code not in passing:
        return record
    return replace(record, job=replace(job, until=min(job.until, event.now)))


@_advance.register
def _fail(event: Failed, record: Record) -> Record:
    error, row, job = event.error, record.row, record.job
    if job is None or job.kind is not event.kind:
        return record  # what failed was not wanted any more
    if job.kind is not JobKind.ROLLBACK and not _is_damaged(row):  # after a failed rollback all is as it was
        row = replace(row, problem=error.message, problem_code=error.code, problem_at=int(event.now))
    most = REFETCHES if isinstance(error, ContentError) else ATTEMPTS
    # A removal is never given up: the wish is to be online, and the copy would stay.
    if job.kind is not JobKind.REMOVE and (not error.retryable or job.attempts + 1 >= most):
        return Record(row, None)
    attempts = job.attempts + 1
    until = event.now + backoff(attempts, event.spread)
    gate = Gate.USER_PAUSE if job.gate is Gate.USER_PAUSE else Gate.RETRY
    return Record(row, replace(_rest(job), gate=gate, reason=error.message, until=until, attempts=attempts))


@_advance.register
def _finish(event: Done, record: Record) -> Record:
    row, job = replace(record.row, title=event.title), record.job
    mends = event.kind in {JobKind.REPAIR, JobKind.ROLLBACK, JobKind.REMOVE} or event.bytes_received is not None
    row = _mend(row) if mends else _clear(row)
    if event.bytes_received is not None:
        row = replace(row, downloaded_at=int(event.now), downloaded_bytes=event.bytes_received, skipped=0)
    if job is not None:
        return Record(row, None if job.kind is event.kind else job)
    # It was cancelled when nothing could stop it any more. The wish still counts.
    if event.kind is JobKind.REMOVE and row.mode is Mode.OFFLINE:
        return Record(row, Job(row.catalog, JobKind.INSTALL, event.now))
    if event.kind is not JobKind.REMOVE and row.mode is Mode.ONLINE:
        return Record(row, Job(row.catalog, JobKind.REMOVE, event.now))
    return Record(row, None)


@_advance.register
def _verify(event: Verified, record: Record) -> Record:
    row = record.row
    if not event.damage:
        return replace(record, row=_mend(row) if _is_damaged(row) else row)
    problem = f"{event.damage}; `catsync repair {row.catalog}` fetches them"
    return replace(record, row=replace(row, problem=problem, problem_code=DamagedError.code, problem_at=int(event.now)))


def _renew(job: Job | None, event: Asked, row: CatalogRow) -> Job:
    """Return the job that is asked for: the one that there is, going on, or a new one."""
    if job is not None and job.kind is event.kind:
        job = _open(job, consented=event.consented or job.consented)
        return replace(job, via=event.via, by_user=event.by_user or job.by_user)
    return Job(row.catalog, event.kind, event.now, event.via, by_user=event.by_user, consented=event.consented)


def _open(job: Job, *, consented: bool) -> Job:
    return replace(job, gate=Gate.OPEN, reason="", until=0.0, attempts=0, consented=consented)


def _rest(job: Job) -> Job:
    """Return the job as it is while nobody does it."""
    return replace(job, phase="", beat_at=0.0)


def _clear(row: CatalogRow) -> CatalogRow:
    """Forget why the last job failed. That files are damaged is only forgotten once they are mended."""
    return row if _is_damaged(row) else _mend(row)


def _mend(row: CatalogRow) -> CatalogRow:
    return replace(row, problem="", problem_code="", problem_at=0)


def _is_damaged(row: CatalogRow) -> bool:
    return row.problem_code == DamagedError.code


def _gives_way(job: Job, event: Asked) -> bool:
    """Whether a job needs no word of the user to be replaced by another one."""
    if job.kind is JobKind.INSTALL:
        return event.installed is not None  # it is done, and a crash kept that from being written down
    return job.kind is JobKind.UPDATE and not job.beat_at


def _absent(row: CatalogRow, kind: JobKind) -> NotFoundError:
    purpose = {JobKind.UPDATE: "to update", JobKind.REPAIR: "to repair"}.get(kind, "to go back to")
    return NotFoundError(
        f"{row.catalog} is not offline, so there is nothing {purpose}",
        hint=f"`catsync offline {row.catalog}` downloads it",
    )
