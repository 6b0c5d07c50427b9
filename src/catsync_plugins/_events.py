"""Events as notifiers write them down: a name in lower case, and the fields. Pure functions."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec.structs import fields

from catsync_core import (
    Event,
    JobEnded,
    JobWaits,
    ModeChanged,
    Phase,
    Progress,
    RepositoryChecked,
    UpdateFound,
    Warned,
)

__all__ = ["EVENT_NAMES", "EventName", "name_event", "read_event"]

EventName = Literal[
    "phase", "progress", "warned", "update_found", "repository_checked", "job_waits", "job_ended", "mode_changed"
]
"""What a setting that chooses events may name."""
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
_NAMES: dict[type, EventName] = {
    Phase: "phase",
    Progress: "progress",
    Warned: "warned",
    UpdateFound: "update_found",
    RepositoryChecked: "repository_checked",
    JobWaits: "job_waits",
    JobEnded: "job_ended",
    ModeChanged: "mode_changed",
}


def name_event(event: Event) -> str:
    """Return an event's name; empty for an event of a newer catsync, which nobody can have chosen."""
    return _NAMES.get(type(event), "")


def read_event(event: Event, now: float) -> dict[str, object]:
    """Return an event as JSON has it: when it was told, its name, and its fields.

    Args:
        event: To be read.
        now: Seconds since 1970.
    """
    return {
        "time": int(now),
        "event": name_event(event),
        **{field.name: getattr(event, field.name) for field in fields(event)},
    }
