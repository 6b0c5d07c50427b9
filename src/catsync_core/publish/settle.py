"""When a folder that changes has settled: pure data over times that others measure."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

__all__ = ["LONGEST", "Settling"]

LONGEST = 10
"""How many settle times a change waits at most while others follow it."""


class Settling(msgspec.Struct, frozen=True):
    """What changed since the last round began, and when the next round is due. All times are seconds of one clock.

    A round is due when nothing has changed for a settle time, and at the latest :data:`LONGEST` settle times after the
    first change, so that a folder in which something always changes is published too.

    Attributes:
        settle: The settle time.
        first: When the first change was seen that no round has looked at; None without one.
        last: When the last one was seen.
        held_until: No round begins before.
    """

    settle: float
    first: float | None = None
    last: float = 0.0
    held_until: float | None = None

    @property
    def due(self) -> float | None:
        """When the next round is due; None while nothing has changed."""
        if self.first is None:
            return None
        settled = min(self.last + self.settle, self.first + LONGEST * self.settle)
        return settled if self.held_until is None else max(settled, self.held_until)

    def changed(self, now: float) -> Settling:
        """Note that something has changed."""
        return replace(self, first=now if self.first is None else self.first, last=now)

    def held(self, now: float, pause: float) -> Settling:
        """Note that a round failed: what it should have published still waits, for so many seconds at least."""
        return replace(self.changed(now), held_until=now + pause)

    def begun(self) -> Settling:
        """Note that a round begins, which sees all changes so far."""
        return Settling(self.settle)

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next round is due, 0 when it is; None while nothing has changed."""
        due = self.due
        return None if due is None else max(0.0, due - now)
