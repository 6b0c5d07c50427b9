"""Events in the words that people read, on one line each. Pure functions.

Titles and messages come from others: control and direction characters in them are shown as escapes.
"""

from __future__ import annotations

from datetime import datetime

from catsync_core import Event, JobEnded, JobWaits, RepositoryChecked, UpdateFound
from catsync_core.format.paths import show_path
from catsync_core.quantities import show_bytes

__all__ = ["describe_event", "show_line", "show_moment"]

_DONE = {
    "install": "is ready offline",
    "update": "is up to date",
    "repair": "is repaired",
    "rollback": "is back at its previous version",
    "remove": "is no longer offline",
    "verify": "is verified",
}


def describe_event(event: Event) -> str:
    """Return what happened in one line; empty for what is no news to people: progress, and checks that went well."""
    match event:
        case UpdateFound():
            text = f"{event.title}: version {event.version} is available, version {event.installed_version} is here"
        case JobEnded():
            text = _describe_end(event)
        case JobWaits():
            until = "" if event.until is None else f", until {show_moment(event.until)}"
            text = f"{event.catalog}: the {event.job} waits{until}: {event.reason}"
        case RepositoryChecked() if event.problem:
            text = f"{event.repository} could not be checked: {event.problem}"
        case _:
            text = ""
    return show_line(text)


def show_line(text: str) -> str:
    """Return a text on one line that is safe to print."""
    return show_path(" ".join(text.split()))


def show_moment(moment: float) -> str:
    """Return a moment (seconds since 1970) in local time: ``2026-11-24 10:12``."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M}"  # noqa: DTZ006 - people read local time


def _describe_end(event: JobEnded) -> str:
    if event.outcome == "failed":
        return f"{event.title}: the {event.job} failed: {event.message}"
    if event.outcome != "done":
        return f"{event.title}: the {event.job} was {event.outcome}"
    version = "" if event.version is None else f", version {event.version}"
    received = f" ({show_bytes(event.bytes_received)} received)" if event.bytes_received else ""
    return f"{event.title} {_DONE.get(event.job, f'is through with the {event.job}')}{version}{received}"
