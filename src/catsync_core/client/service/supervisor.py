"""What starts and ends a user's programs: what each one does for the agent."""

from __future__ import annotations

from typing import Protocol

import msgspec

from catsync_core.client.service.files import Service

__all__ = ["Running", "Supervisor"]


class Running(msgspec.Struct, frozen=True):
    """What a supervisor says about the agent.

    Attributes:
        enabled: Whether it starts with the user's session; None where that cannot be known.
        active: Whether it runs; None likewise.
        problem: Why the supervisor could not say; empty for nothing.
    """

    enabled: bool | None
    active: bool | None
    problem: str = ""


class Supervisor(Protocol):
    """One of them. What it is asked to do and cannot do is returned as a reason, empty for nothing."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def place(self) -> str:
        """Where the service is kept: a path, or a task's name."""

    def render(self, service: Service) -> bytes:
        """Return what is to be kept there."""

    def read(self) -> bytes | None:
        """Return what is kept there: None for nothing, no bytes for what is no plain file."""

    def is_same(self, found: bytes, wanted: bytes) -> bool:
        """Whether what is kept means the same."""

    def write(self, data: bytes) -> None:
        """Keep it there. Raises ``LocalError`` when that fails."""

    def start(self, *, changed: bool) -> str:
        """Start the service, now and with every session; one that has changed is started anew."""

    def stop(self) -> str:
        """End the service, now and for ever."""

    def remove(self) -> None:
        """Forget it. Raises ``LocalError`` when that fails."""

    def look(self) -> Running:
        """Return what is known about it."""

    def commands(self, *, install: bool) -> tuple[str, ...]:
        """Return the commands that do by hand what :meth:`start`, or :meth:`stop`, could not do."""
