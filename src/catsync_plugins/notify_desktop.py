"""Notifier ``desktop``: news as notifications of the desktop, but not one by one, and not at night.

What comes within a moment is gathered into one notification of its class: a check that finds updates of 200 catalogs is
one piece of news to a person.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from catsync_core import Event, JobEnded, NotifierEntry, UpdateFound, hookimpl
from catsync_plugins._hours import is_open, read_hours
from catsync_plugins._wording import describe_event

__all__ = ["Desktop", "DesktopSettings", "catsync_notifiers"]

News = Literal["update_found", "job_failed", "offline_ready"]
_HEADLINES: dict[News, str] = {
    "update_found": "Updates are available",
    "job_failed": "Something went wrong",
    "offline_ready": "Ready offline",
}
_LINES = 4  # desktops show few
_LINE_LENGTH = 160  # characters
_GATHER_SECONDS = 3.0


class DesktopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[notifiers.desktop]``.

    Attributes:
        news: That are shown.
        quiet_hours: In which nothing is shown, such as ``22:00-07:00``; several in a list.
    """

    news: list[News] = msgspec.field(default_factory=lambda: ["update_found", "job_failed", "offline_ready"])
    quiet_hours: str | list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        for text in _texts(self.quiet_hours):
            read_hours(text)


class Desktop:
    """Shows notifications.

    Args:
        settings: Of the notifier.
        now: The clock, seconds since 1970.
        gather: Seconds in which news of one class become one notification.
        show: Shows a headline and a body; by default with the system's tool.

    Raises:
        LocalError: (local) the system has nothing to show them with.
    """

    def __init__(
        self,
        settings: DesktopSettings,
        *,
        now: Callable[[], float] = time.time,
        gather: float = _GATHER_SECONDS,
        show: Callable[[str, str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._quiet = [read_hours(text) for text in _texts(settings.quiet_hours)]
        self._now = now
        self._gather = gather
        self._show = _find_show() if show is None else show
        self._gathered: dict[News, list[str]] = {}
        self._timer: threading.Timer | None = None
        self._gathering = threading.Lock()
        self._failure: Exception | None = None

    def notify(self, event: Event) -> None:
        """Let an event be shown, unless it is no news, or comes in the quiet hours.

        Raises:
            LocalError: (local) what came before could not be shown.
        """
        if self._failure is not None:
            raise self._failure
        news = _classify(event)
        if news not in self._settings.news or any(is_open(hours, self._now()) for hours in self._quiet):
            return
        with self._gathering:
            first = not self._gathered
            self._gathered.setdefault(news, []).append(describe_event(event))
            if first:
                self._timer = threading.Timer(self._gather, self._show_later)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Show what was gathered.

        Raises:
            LocalError: (local) it cannot be shown.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # it may be showing something just now
        self._show_gathered()
        if self._failure is not None:
            raise self._failure

    def _show_later(self) -> None:
        try:
            self._show_gathered()
        except Exception as error:  # noqa: BLE001 - raised again with the next event, or on closing
            self._failure = error

    def _show_gathered(self) -> None:
        with self._gathering:
            gathered, self._gathered = self._gathered, {}
        for news, lines in gathered.items():
            shown = [line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}..." for line in lines[:_LINES]]
            if len(lines) > _LINES:
                shown[-1] = f"and {len(lines) - _LINES + 1} more"
            self._show(_HEADLINES[news], "\n".join(shown))


def _classify(event: Event) -> News | None:
    match event:
        case UpdateFound():
            return "update_found"
        case JobEnded(outcome="failed"):
            return "job_failed"
        case JobEnded(job="install" | "update", outcome="done"):
            return "offline_ready"
        case _:
            return None


def _find_show() -> Callable[[str, str], None]:
    from catsync_plugins._desktop_tools import find_tool, show_notification  # noqa: PLC0415 - only where it is enabled

    tool = find_tool()
    return lambda headline, body: show_notification(tool, headline, body)


def _texts(hours: str | list[str]) -> list[str]:
    return [hours] if isinstance(hours, str) and hours else list(hours)


@hookimpl
def catsync_notifiers() -> Sequence[NotifierEntry]:
    """Offer ``desktop``."""
    return [NotifierEntry("desktop", DesktopSettings, Desktop)]
