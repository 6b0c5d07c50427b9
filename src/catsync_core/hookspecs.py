"""The hooks: where integrators extend catsync. The built-in plugins use the same ones.

A hook returns frozen entries and never acts when it is called. Policies, schedules and notifiers work only where the
user's configuration has a table for them, such as ``[policies.network]``; an entry says what may stand in it by a
:class:`msgspec.Struct` with a default for every field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import pluggy

from catsync_core.backends.protocol import Backend

if TYPE_CHECKING:
    import click

    from catsync_core.events import Event

__all__ = [
    "BackendEntry",
    "Decision",
    "LastCheck",
    "Notifier",
    "NotifierEntry",
    "Offer",
    "PolicyEntry",
    "Question",
    "ScheduleEntry",
    "Verdict",
    "catsync_backends",
    "catsync_commands",
    "catsync_notifiers",
    "catsync_policies",
    "catsync_schedules",
    "hookimpl",
    "hookspec",
]

hookspec = pluggy.HookspecMarker("catsync")
hookimpl = pluggy.HookimplMarker("catsync")


class BackendEntry(msgspec.Struct, frozen=True):
    """A kind of backend.

    Attributes:
        scheme: URL scheme that selects it, such as ``https``.
        open: Makes a backend from a URL (``file`` URLs included); must not connect yet.
        redact: Returns the URL without credentials, safe to show and to log.
    """

    scheme: str
    open: Callable[[str], Backend]
    redact: Callable[[str], str]


class Decision(StrEnum):
    """What a policy says to a question; the strictest of all policies counts, and the later one is stricter."""

    ALLOW = "allow"
    WAIT = "wait"
    ASK = "ask"
    DENY = "deny"


class Verdict(msgspec.Struct, frozen=True):
    """A policy's answer.

    Attributes:
        decision: What may happen. Waiting ends when the policy allows; asking ends when the user consents.
        reason: Why not, one sentence for people; empty when it may.
        until: When to ask the policy again, in seconds since 1970; None for soon.
    """

    decision: Decision
    reason: str = ""
    until: float | None = None


class Offer(msgspec.Struct, frozen=True):
    """A catalog as its repository offers it, for deciding how it starts.

    Attributes:
        catalog: Id.
        title: For people.
        bytes: Of all its files.
        recommended_offline: Whether the publisher recommends to keep it on devices.
        tags: The publisher's words for it.
    """

    catalog: str
    title: str
    bytes: int
    recommended_offline: bool = False
    tags: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """What is about to happen.

    Attributes:
        action: ``check`` (metadata only), ``install``, ``update`` or ``read`` (online, over the network).
        catalog: Id.
        bytes: That will travel, as far as that is known; 0 for unknown or little.
        disk_bytes: That the device's storage will grow by, as far as that is known.
        stored_bytes: That all offline catalogs take now.
        by_user: Whether a person asked for it, just now.
        now: Seconds since 1970.
    """

    action: Literal["check", "install", "update", "read"]
    catalog: str
    bytes: int
    disk_bytes: int
    stored_bytes: int
    by_user: bool
    now: float


class PolicyEntry(msgspec.Struct, frozen=True):
    """An online/offline policy. Functions get the settings of the catalog in question as their last argument.

    Attributes:
        name: As in the configuration: ``[policies.NAME]``.
        settings: What may stand in that table.
        decide: Answers a question; must return quickly and keep nothing.
        starts_offline: Whether a catalog that is new on this device is taken offline by itself. None: not this policy's
            business.
        starts_update: Whether an update that was found is fetched by itself. None: never.
        max_rate: Bytes per second that all transfers together may take at a time (seconds since 1970); 0 for any.
    """

    name: str
    settings: type[Any]
    decide: Callable[[Question, Any], Verdict]
    starts_offline: Callable[[Offer, Any], bool] | None = None
    starts_update: Callable[[Question, Any], bool] | None = None
    max_rate: Callable[[float, Any], int] | None = None


class LastCheck(msgspec.Struct, frozen=True):
    """What a schedule goes by.

    Attributes:
        catalog: Id.
        checked_at: When its repository was last asked successfully, seconds since 1970; 0 for never.
        attempted_at: When it was last asked at all; 0 for never.
        failures: How many attempts failed since it was last asked successfully.
        now: Seconds since 1970.
        seed: A number of this device and catalog that never changes, from 0 up to but not including 1: for spreading
            devices over time.
    """

    catalog: str
    checked_at: float
    attempted_at: float
    failures: int
    now: float
    seed: float


class ScheduleEntry(msgspec.Struct, frozen=True):
    """An auto-sync schedule.

    Attributes:
        name: As in the configuration: ``[auto_sync] schedule = "NAME"`` and ``[schedules.NAME]``.
        settings: What may stand in that table.
        next_check: When to check next, in seconds since 1970; not after now means at once, None never.
    """

    name: str
    settings: type[Any]
    next_check: Callable[[LastCheck, Any], float | None]


class Notifier(Protocol):
    """Tells someone what happens. Called by one thread; may block, for it does not hold up the work."""

    def notify(self, event: Event) -> None:
        """Tell of one event; those that are of no interest are left out silently."""

    def close(self) -> None:
        """Deliver what is still to be delivered, within a few seconds, and end."""


class NotifierEntry(msgspec.Struct, frozen=True):
    """A UI notifier.

    Attributes:
        name: As in the configuration: ``[notifiers.NAME]``.
        settings: What may stand in that table.
        open: Makes a notifier from the settings.
    """

    name: str
    settings: type[Any]
    open: Callable[[Any], Notifier]


@hookspec
def catsync_backends() -> Sequence[BackendEntry]:  # type: ignore[empty-body]  # a specification has no body
    """Offer backends; called once, when the first repository is opened."""


@hookspec
def catsync_policies() -> Sequence[PolicyEntry]:  # type: ignore[empty-body]  # as above
    """Offer policies; called once, when the first decision is due."""


@hookspec
def catsync_schedules() -> Sequence[ScheduleEntry]:  # type: ignore[empty-body]  # as above
    """Offer schedules; called once, when the first check is planned."""


@hookspec
def catsync_notifiers() -> Sequence[NotifierEntry]:  # type: ignore[empty-body]  # as above
    """Offer notifiers; called once, when the first event is told."""


@hookspec
def catsync_commands(cli: click.Group) -> None:
    """Add commands to the command line; called when it starts.

    Args:
        cli: The ``catsync`` group.
    """
