"""What happens while catsync works, as typed events to a callback.

The engine never prints: whoever calls it passes a function that takes one :data:`Event`. Events may come from
worker threads, one at a time. A callback must return quickly and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

__all__ = [
    "Event",
    "JobEnded",
    "JobWaits",
    "Listener",
    "ModeChanged",
    "Phase",
    "Progress",
    "RepositoryChecked",
    "UpdateFound",
    "Warned",
    "ignore",
]


class Phase(msgspec.Struct, frozen=True):
    """A job enters a new step.

    Attributes:
        job: ``publish``, ``install``, ``update``, ``verify``, ``repair`` or ``rollback``.
        subject: Catalog id.
        name: ``scan``, ``match``, ``compress``, ``patch``, ``upload``, ``plan``, ``fetch``, ``decode``, ``assemble``,
            ``verify``, ``commit``, ``watch`` or ``done``.
        total: Bytes that this step will report in :class:`Progress`; 0 when unknown.
    """

    job: str
    subject: str
    name: str
    total: int = 0


class Progress(msgspec.Struct, frozen=True):
    """Bytes done of the current step; never goes back within a step.

    Attributes:
        job: As in :class:`Phase`.
        subject: Catalog id.
        done: Bytes done.
        total: Bytes in all, 0 when unknown.
    """

    job: str
    subject: str
    done: int
    total: int


class Warned(msgspec.Struct, frozen=True):
    """Something that the user should know, but which did not stop the work.

    Attributes:
        subject: What it is about.
        message: One sentence.
    """

    subject: str
    message: str


class UpdateFound(msgspec.Struct, frozen=True):
    """A newer version of an offline catalog is offered; told once for each version.

    Attributes:
        catalog: Id.
        title: For people.
        installed_version: That is on the device.
        version: That is offered.
    """

    catalog: str
    title: str
    installed_version: int
    version: int


class RepositoryChecked(msgspec.Struct, frozen=True):
    """A repository was asked for news, or could not be.

    Attributes:
        repository: Its address, safe to show.
        updates: Ids of offline catalogs that have an update.
        problem: Why it could not be asked; empty when it could.
        by_user: Whether a person asked, not a schedule.
    """

    repository: str
    updates: tuple[str, ...]
    problem: str
    by_user: bool


class JobWaits(msgspec.Struct, frozen=True):
    """A job cannot go on for now; it goes on by itself, unless the user is asked.

    Attributes:
        job: As in :class:`Phase`.
        catalog: Id.
        gate: Why in one word: ``user_pause``, ``policy``, ``consent``, ``retry`` or ``queue``.
        reason: Why, one sentence.
        until: When it will be tried again, seconds since 1970; None where that is not known.
    """

    job: str
    catalog: str
    gate: str
    reason: str
    until: float | None


class JobEnded(msgspec.Struct, frozen=True):
    """A job is over.

    Attributes:
        job: As in :class:`Phase`.
        catalog: Id.
        title: For people.
        outcome: ``done``, ``failed`` or ``cancelled``.
        version: That is on the device now; None for none.
        bytes_received: That travelled.
        total_bytes: Of the version.
        message: What went wrong; empty for nothing.
        code: The error's code; empty for none.
    """

    job: str
    catalog: str
    title: str
    outcome: str
    version: int | None
    bytes_received: int = 0
    total_bytes: int = 0
    message: str = ""
    code: str = ""


class ModeChanged(msgspec.Struct, frozen=True):
    """The user, or a policy that the user enabled, wishes another mode.

    Attributes:
        catalog: Id.
        mode: ``online`` or ``offline``.
    """

    catalog: str
    mode: str


Event = Phase | Progress | Warned | UpdateFound | RepositoryChecked | JobWaits | JobEnded | ModeChanged
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: the default listener."""
