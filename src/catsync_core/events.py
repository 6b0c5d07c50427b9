"""What happens while catsync works, as typed events to a callback.

The engine never prints: whoever calls it passes a function that takes one :data:`Event`. Events may come from
worker threads, one at a time. A callback must return quickly and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Event", "Listener", "Phase", "Progress", "Warned", "ignore"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A job enters a new step.

    Attributes:
        job: ``publish``, ``install``, ``update``, ``verify``, ``repair`` or ``check``.
        subject: Catalog id.
        name: ``scan``, ``match``, ``compress``, ``patch``, ``upload``, ``plan``, ``fetch``, ``decode``, ``assemble``,
            ``verify``, ``commit`` or ``done``.
        total: Bytes that this step will report in :class:`Progress`; 0 when unknown.
    """

    job: str
    subject: str
    name: str
    total: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
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


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user should know, but which did not stop the work.

    Attributes:
        subject: What it is about.
        message: One sentence.
    """

    subject: str
    message: str


Event = Phase | Progress | Warned
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: the default listener."""
