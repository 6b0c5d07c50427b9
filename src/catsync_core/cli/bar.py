"""A progress bar on stderr, drawn with rich."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
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


class _WhereCounted(ProgressColumn):
    """Shows a column only in phases whose total is known."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """Return what the column shows, or nothing."""
        return self._column.render(task) if task.total else ""


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
        columns.append(_WhereCounted(DownloadColumn()))
        if console.width >= _RATE_FROM:
            columns += [_WhereCounted(TransferSpeedColumn()), _WhereCounted(TimeRemainingColumn(compact=True))]
        self._bar = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=_REFRESHES, expand=True
        )
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
        if self._bar is None or not isinstance(event, events.Phase | events.Progress):
            super().__call__(event)
        elif isinstance(event, events.Progress):
            self._bar.update(self._task, completed=event.done)
        elif event.name in PHASES:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._task = self._bar.add_task(f"{event.subject}  {PHASES[event.name]}", total=event.total or None)
