"""Numbers, times and states in the words that people read. Pure functions: the clock is passed in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from catsync_core.quantities import show_bytes, show_count

if TYPE_CHECKING:
    from catsync_core.client.report import CatalogInfo

__all__ = [
    "ACTIONS",
    "WAYS",
    "show_age",
    "show_bytes",
    "show_count",
    "show_date",
    "show_day",
    "show_seconds",
    "show_status",
    "show_update_command",
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
    "online": ("Online", None),
    "offline": ("Offline", "green"),
    "update_available": ("Update available", "yellow"),
    "incomplete": ("Download incomplete", "red"),
    "gone": ("No longer offered", "red"),
}


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
    return _STATUS[info.label if info.offered else "gone"]


def show_update_command(updates: Sequence[str]) -> str:
    """Return the sentence that says how to fetch updates of these catalogs."""
    which = updates[0] if len(updates) == 1 else "--all"
    return f"To fetch {show_count(len(updates), 'update')}: catsync update {which}"
