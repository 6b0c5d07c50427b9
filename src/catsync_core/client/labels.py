"""One word for a catalog's state, derived from everything that is known: a pure function, and the only place for it.

The switch shows the wish (the mode), the label shows the truth. Which of several truths counts is a matter of
precedence: what is under way before what is wrong, and what is wrong before what could be better.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from catsync_core.client.rows import Gate, Job, JobKind, Mode

__all__ = ["ALIVE", "Axes", "Label", "derive_label", "is_alive"]

ALIVE = 5.0
"""Seconds after which a process that said nothing does not count as running; it says so ten times as often."""


class Label(StrEnum):
    """The states that a person can tell apart."""

    ONLINE = "online"
    ONLINE_UNREACHABLE = "online_unreachable"
    INCOMPLETE = "incomplete"
    DOWNLOADING = "downloading"
    UPDATING = "updating"
    REPAIRING = "repairing"
    ROLLING_BACK = "rolling_back"
    COMMITTING = "committing"
    REMOVING = "removing"
    WAITING = "waiting"
    PAUSED = "paused"
    FAILED = "failed"
    UPDATE_FAILED = "update_failed"
    DAMAGED = "damaged"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    UPDATE_AVAILABLE = "update_available"
    STALE = "stale"
    OFFLINE = "offline"
    GONE = "gone"


class Axes(msgspec.Struct, frozen=True):
    """What is known of a catalog; each is true or not without the others.

    Attributes:
        mode: The user's wish.
        installed: The version that is here; None for none.
        head: The newest version that is known; None when no repository offers the catalog.
        skipped: The version that the user does not want to be told of.
        job: What is to be done with it.
        problem: The code of what the last job failed by; empty for nothing.
        repository_problem: The code of what the last check failed by; empty for nothing.
        checked_at: When its repository was last asked successfully, seconds since 1970.
        stale_after: Seconds after which that is long ago.
        expires: Until when the repository's word counts, seconds since 1970; 0 for ever.
        served: Whether a process of this device runs what is queued.
    """

    mode: Mode = Mode.ONLINE
    installed: int | None = None
    head: int | None = 1
    skipped: int = 0
    job: Job | None = None
    problem: str = ""
    repository_problem: str = ""
    checked_at: float = 0.0
    stale_after: float = 7 * 86400.0
    expires: int = 0
    served: bool = False


def derive_label(axes: Axes, now: float) -> Label:
    """Return the one label of a catalog's state.

    Args:
        axes: What is known.
        now: Seconds since 1970.
    """
    under_way = None if axes.job is None else _label_job(axes.job, axes, now)
    if under_way is not None:
        return under_way
    return _label_rest(axes) if axes.installed is None else _label_copy(axes, now)


def is_alive(job: Job, now: float) -> bool:
    """Whether a process runs the job just now."""
    return 0 <= now - job.beat_at < ALIVE


def _label_job(job: Job, axes: Axes, now: float) -> Label | None:
    """Return the label of a job; None for one that nobody does or will do by itself, so that something else counts."""
    if job.kind is JobKind.REMOVE:
        return Label.REMOVING
    if is_alive(job, now):
        return Label.COMMITTING if job.phase == "commit" else _WORKING[job.kind]
    if job.gate is Gate.USER_PAUSE:
        return Label.PAUSED
    if axes.served or job.gate in {Gate.POLICY, Gate.CONSENT}:
        return Label.WAITING
    return None if axes.problem else Label.INCOMPLETE


def _label_rest(axes: Axes) -> Label:
    """Return the label of a catalog of which nothing is here."""
    if axes.mode is Mode.OFFLINE:
        return Label.FAILED if axes.problem else Label.INCOMPLETE
    if axes.head is None:
        return Label.GONE
    if axes.repository_problem == "trust":
        return Label.UNTRUSTED
    return Label.ONLINE_UNREACHABLE if axes.repository_problem else Label.ONLINE


def _label_copy(axes: Axes, now: float) -> Label:
    """Return the label of a catalog of which a version is here."""
    if axes.problem == "damaged":
        return Label.DAMAGED
    if axes.head is None:
        return Label.GONE
    if "trust" in {axes.problem, axes.repository_problem}:
        return Label.UNTRUSTED
    if axes.problem:
        return Label.UPDATE_FAILED
    if axes.expires and now > axes.expires:
        return Label.EXPIRED
    if axes.head > max(axes.installed or 0, axes.skipped):
        return Label.UPDATE_AVAILABLE
    return Label.STALE if now - axes.checked_at > axes.stale_after else Label.OFFLINE


_WORKING = {
    JobKind.INSTALL: Label.DOWNLOADING,
    JobKind.UPDATE: Label.UPDATING,
    JobKind.REPAIR: Label.REPAIRING,
    JobKind.ROLLBACK: Label.ROLLING_BACK,
    JobKind.REMOVE: Label.REMOVING,
}
