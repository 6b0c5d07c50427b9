"""Notifier ``terminal``: a line for each piece of news, for those who let the agent run in a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from catsync_core import Event, JobEnded, NotifierEntry, RepositoryChecked, UpdateFound, hookimpl
from catsync_core.errors import LocalError
from catsync_plugins._events import name_event
from catsync_plugins._wording import describe_event, show_moment

__all__ = ["Terminal", "TerminalSettings", "catsync_notifiers"]

_RED, _GREEN, _YELLOW = 31, 32, 33  # ECMA-48, select graphic rendition


class TerminalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[notifiers.terminal]``.

    Attributes:
        stream: Where lines are written: to the process's standard error, or to the terminal that it was started from.
        events: That are told.
    """

    stream: Literal["stderr", "terminal"] = "stderr"
    events: list[Literal["update_found", "job_ended", "job_waits", "repository_checked"]] = msgspec.field(
        default_factory=lambda: ["update_found", "job_ended", "job_waits", "repository_checked"]
    )


class Terminal:
    """Writes lines to a terminal. Checks are told only where they fail and nobody is there who asked for them.

    Args:
        settings: Of the notifier.
        now: The clock, seconds since 1970.

    Raises:
        LocalError: (local) there is no terminal, or no standard error.
    """

    def __init__(self, settings: TerminalSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._terminal = _open_terminal() if settings.stream == "terminal" else None
        if self._terminal is None:
            _standard_error()

    def notify(self, event: Event) -> None:
        """Write a line, unless the event is no news to people."""
        if name_event(event) not in self._settings.events or (isinstance(event, RepositoryChecked) and event.by_user):
            return
        text = describe_event(event)
        if text:
            # Standard error is looked up each time: a progress bar puts something in its place that prints above it.
            stream = self._terminal or _standard_error()
            stream.write(f"{show_moment(self._now())} {_paint(text, event) if _has_colour(stream) else text}\n")
            stream.flush()

    def close(self) -> None:
        """Close the terminal, where it was opened."""
        if self._terminal is not None:
            self._terminal.close()


def _open_terminal() -> TextIO:
    place = "CONOUT$" if sys.platform == "win32" else "/dev/tty"
    try:
        return Path(place).open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise LocalError(
            f"There is no terminal to write to: {error.strerror or error}",
            hint='`stream = "stderr"` writes to where the process writes its messages',
        ) from error


def _standard_error() -> TextIO:
    if sys.stderr is None:
        raise LocalError("The process has no standard error", hint="Use the notifier log where there is no terminal")
    return sys.stderr


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _paint(text: str, event: Event) -> str:
    match event:
        case UpdateFound():
            colour = _YELLOW
        case JobEnded(outcome="done"):
            colour = _GREEN
        case JobEnded(outcome="failed") | RepositoryChecked():
            colour = _RED
        case _:
            return text
    return f"\x1b[{colour}m{text}\x1b[0m"


@hookimpl
def catsync_notifiers() -> Sequence[NotifierEntry]:
    """Offer ``terminal``."""
    return [NotifierEntry("terminal", TerminalSettings, Terminal)]
