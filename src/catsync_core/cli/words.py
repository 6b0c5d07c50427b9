"""Numbers, times and states in the words that people read. Pure functions: the clock is passed in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from catsync_core.client.labels import Label
from catsync_core.quantities import show_bytes, show_count

if TYPE_CHECKING:
    from catsync_core.client.report import CatalogInfo

__all__ = [
    "ACTIONS",
    "JOBS",
    "WAYS",
    "show_age",
    "show_bytes",
    "show_count",
    "show_date",
    "show_day",
    "show_seconds",
    "show_status",
    "show_update_command",
    "show_wait",
]

ACTIONS = {
    "keep": "keep as it is",
    "copy": "copy from here",
    "patch": "download as patch",
    "blocks": "download in part",
    "full": "download whole",
}
"""What each action of a plan is called."""

WAYS = {
    "patches": "by patches",
    "nothing": "by the patch from nothing",
    "blocks": "by blocks",
    "full": "by whole files",
}
"""What each way of a plan is called."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_THOUSAND = 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STATUS = {
    Label.ONLINE: ("Online", None),
    Label.ONLINE_UNREACHABLE: ("Online - no connection", "yellow"),
    Label.INCOMPLETE: ("Download incomplete", "red"),
    Label.DOWNLOADING: ("Downloading", "cyan"),
    Label.UPDATING: ("Updating", "cyan"),
    Label.REPAIRING: ("Repairing", "cyan"),
    Label.ROLLING_BACK: ("Going back", "cyan"),
    Label.COMMITTING: ("Finishing", "cyan"),
    Label.REMOVING: ("Going online", "cyan"),
    Label.WAITING: ("Waiting", "yellow"),
    Label.PAUSED: ("Paused", "yellow"),
    Label.FAILED: ("Download failed", "red"),
    Label.UPDATE_FAILED: ("Update failed", "red"),
    Label.DAMAGED: ("Damaged", "red"),
    Label.UNTRUSTED: ("Cannot be trusted", "red"),
    Label.EXPIRED: ("Expired", "yellow"),
    Label.UPDATE_AVAILABLE: ("Update available", "yellow"),
    Label.STALE: ("Offline - not checked lately", "yellow"),
    Label.OFFLINE: ("Offline", "green"),
    Label.GONE: ("No longer offered", "red"),
}
JOBS = {
    "install": "download",
    "update": "update",
    "repair": "repair",
    "rollback": "going back",
    "remove": "going online",
}
"""What each kind of job is called."""


def show_seconds(seconds: float) -> str:
    """Return a duration: ``0.8 s``, ``42 s``, ``3 min 5 s``."""
    if seconds < 9.95:  # from here on it would be rounded to 10
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show_date(moment: int) -> str:
    """Return a moment in local time: ``24 Nov 2026 10:12``; a dash for 0."""
    if not moment:
        return "-"
    local = time.localtime(moment)
    return f"{local.tm_mday} {_MONTHS[local.tm_mon - 1]} {local.tm_year} {local.tm_hour:02}:{local.tm_min:02}"


def show_day(moment: int) -> str:
    """Return a day in local time: ``24 Nov 2026``; a dash for 0."""
    return "-" if not moment else show_date(moment).rpartition(" ")[0]


def show_wait(moment: float, now: float) -> str:
    """Return when something will be: ``now``, ``in 40 s``, ``in 5 min``, and from a day on the date."""
    wait = moment - now
    if wait < 1:
        return "now"
    if wait < _MINUTE:
        return f"in {wait:.0f} s"
    if wait < _HOUR:
        return f"in {wait / _MINUTE:.0f} min"
    return f"in {wait / _HOUR:.0f} h" if wait < _DAY else show_date(int(moment))


def show_age(moment: int, now: float) -> str:
    """Return how long ago a moment was: ``just now``, ``5 min ago``, ``3 days ago``; ``never`` for 0."""
    if not moment:
        return "never"
    age = now - moment
    if age < _MINUTE:
        return "just now"
    if age < _HOUR:
        return f"{age // _MINUTE:.0f} min ago"
    if age < _DAY:
        return f"{age // _HOUR:.0f} h ago"
    return f"{show_count(int(age // _DAY), 'day')} ago"


def show_status(info: CatalogInfo) -> tuple[str, str | None]:
    """Return a catalog's state in words, and the colour that goes with it."""
    return _STATUS[info.label]


def show_update_command(updates: Sequence[str]) -> str:
    """Return the sentence that says how to fetch updates of these catalogs."""
    which = updates[0] if len(updates) == 1 else "--all"
    return f"To fetch {show_count(len(updates), 'update')}: catsync update {which}"
