"""Show a job's progress: as a bar to a person, as plain lines to a log, as JSON to a program, or not at all.

A :class:`ProgressView` is both a listener for the engine and a context manager: between ``with`` and its end a job is
shown, afterwards nothing of it stays on the screen. Events may come from worker threads, one at a time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from catsync_core.cli.screen import Screen
from catsync_core.cli.words import show_bytes
from catsync_core.events import (
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

__all__ = ["EVENT_NAMES", "PHASES", "JsonProgress", "LineProgress", "ProgressView", "choose_progress"]

PHASES = {
    "scan": "Reading the folder",
    "match": "Finding what changed",
    "compress": "Packing",
    "patch": "Making patches",
    "upload": "Uploading",
    "plan": "Preparing",
    "fetch": "Downloading",
    "decode": "Unpacking the patch",
    "assemble": "Putting files in place",
    "verify": "Checking",
    "commit": "Finishing",
}
"""What each phase is called; a phase that is not listed is not shown."""

EVENT_NAMES: dict[type[Event], str] = {
    Phase: "phase",
    Progress: "progress",
    Warned: "warning",
    UpdateFound: "update_found",
    RepositoryChecked: "checked",
    JobWaits: "waits",
    JobEnded: "ended",
    ModeChanged: "mode",
}
"""What the lines of ``--json`` call each event."""

_JSON_EVERY = 0.1  # seconds
_JSON_STEP = 0.05  # of the total
_LINE_EVERY = 2.0
_LINE_AT_LEAST_EVERY = 10.0
_LINE_STEP = 0.1


class ProgressView:
    """Shows warnings and nothing else: for ``--quiet`` and ``--no-progress``."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the progress off the screen."""

    def __call__(self, event: Event) -> None:
        """Take an event of the engine."""
        self._screen.on_event(event)


class JsonProgress(ProgressView):
    """Prints each event as a line of JSON, but progress only ten times a second or when it made a step.

    Without the steps, whoever reads along would not learn of the last bytes before a connection stalls.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen)
        self._clock = clock
        self._due = 0.0
        self._shown = 0

    def __call__(self, event: Event) -> None:
        """Print it, unless it is progress and comes too early."""
        if isinstance(event, Phase):
            self._screen.event(EVENT_NAMES[Phase], event)
            self._due, self._shown = 0.0, 0
        elif not isinstance(event, Progress):
            self._screen.event(EVENT_NAMES[type(event)], event)
        elif self._clock() >= self._due or event.done == event.total or _stepped(event, self._shown, _JSON_STEP):
            self._screen.event(EVENT_NAMES[Progress], event)
            self._due, self._shown = self._clock() + _JSON_EVERY, event.done


class LineProgress(ProgressView):
    """Prints a line when a phase begins, and then one every few seconds as long as something moves."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen)
        self._clock = clock
        self._phase = ""
        self._shown_at = 0.0
        self._shown = 0

    def __call__(self, event: Event) -> None:
        """Print it when it is time."""
        if isinstance(event, Phase):
            self._begin(event)
        elif isinstance(event, Progress):
            self._go_on(event)
        else:
            self._screen.on_event(event)

    def _begin(self, event: Phase) -> None:
        self._phase = PHASES.get(event.name, "")
        self._shown_at, self._shown = self._clock(), 0
        if self._phase and event.total:
            self._screen.say(f"{event.subject}: {self._phase} ({show_bytes(event.total)})")

    def _go_on(self, event: Progress) -> None:
        waited = self._clock() - self._shown_at
        pause = _LINE_EVERY if _stepped(event, self._shown, _LINE_STEP) else _LINE_AT_LEAST_EVERY
        if waited < pause or event.done == self._shown:
            return
        self._shown_at, self._shown = self._clock(), event.done
        share = f" of {show_bytes(event.total)} ({event.done / event.total:.0%})" if event.total else ""
        self._screen.say(f"{event.subject}: {self._phase}, {show_bytes(event.done)}{share}")


def choose_progress(screen: Screen) -> ProgressView:
    """Return the view that suits the options and the terminal."""
    if not screen.progress or screen.quiet:
        return ProgressView(screen)
    if screen.json:
        return JsonProgress(screen)
    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return LineProgress(screen)
    from catsync_core.cli.bar import BarProgress  # noqa: PLC0415 - rich is imported only where it is seen

    return BarProgress(screen)


def _stepped(event: Progress, shown: int, step: float) -> bool:
    """Whether a step of the total was made since the bytes that were shown last."""
    return bool(event.total) and event.done - shown >= event.total * step
