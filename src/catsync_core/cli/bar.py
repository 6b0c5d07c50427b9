"""A progress bar on stderr, drawn with rich."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from catsync_core import events
from catsync_core.cli.progress import PHASES, ProgressView
from catsync_core.cli.screen import Screen

__all__ = ["BarProgress"]

_REFRESHES = 8  # a second
_BAR_FROM = 60  # columns; a narrower terminal has no room for the bar itself
_RATE_FROM = 76
_MARGIN = 2  # columns for the ^C that a terminal shows, so that the line can still be erased


class BarProgress(ProgressView):
    """One line for a job: its phase, a bar, bytes, rate and time left. It is gone when the job is done."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        console.width -= _MARGIN
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
        if console.width >= _BAR_FROM:
            columns.append(BarColumn(bar_width=None))
        columns.append(DownloadColumn())
        if console.width >= _RATE_FROM:
            columns += [TransferSpeedColumn(), TimeRemainingColumn(compact=True)]
        self._bar = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=_REFRESHES, expand=True
        )
        self._task = self._bar.add_task("", total=None, visible=False)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, event: events.Event) -> None:
        """Move the bar."""
        if self._bar is None or isinstance(event, events.Warned):
            super().__call__(event)
        elif isinstance(event, events.Progress):
            self._bar.update(self._task, completed=event.done, total=event.total or None)
        elif event.name in PHASES:
            text = f"{event.subject}  {PHASES[event.name]}"
            self._bar.reset(self._task, description=text, total=event.total or None, visible=True)
