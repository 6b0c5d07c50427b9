"""``catsync agent``: check by itself, run what is queued, and be started by the system."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from catsync_core.cli.loading import find_plugins
from catsync_core.cli.options import CatsyncCommand, common_options, json_option
from catsync_core.cli.progress import JsonProgress, ProgressView
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import JOBS, show_age, show_bytes, show_count, show_wait
from catsync_core.client.agent import Agent
from catsync_core.client.checks import NO_AGENT
from catsync_core.client.home import home_folder
from catsync_core.events import Event, JobEnded, JobWaits, Phase, RepositoryChecked, UpdateFound

__all__ = ["agent_command"]

_COLUMNS = (
    Column("Repository", flexible=True),
    Column("Last check"),
    Column("Next check"),
    Column("Problem", flexible=True, spare=1),
)


@click.group(invoke_without_command=True, params=common_options())
@click.option("--once", is_flag=True, help="Check what is due, run what is queued, and end.")
@json_option
@click.pass_context
@pass_screen
def agent_command(screen: Screen, context: click.Context, *, once: bool) -> None:
    """Check for updates by itself, and run what is queued.

    Example: catsync agent

    Each offline catalog whose auto-sync is on is checked once within a day: metadata only. Content is downloaded when
    you asked for it, or when a policy that you enabled says so. One agent serves this device; Ctrl-C ends it.
    """
    if context.invoked_subcommand is not None:
        return
    view: ProgressView = JsonProgress(screen) if screen.json else _Log(screen)
    agent = Agent(home_folder(), listener=view, plugins=find_plugins(screen))
    with _stopping() as stop:
        if once:
            agent.run_once(stop)
            return
        screen.say("The agent is running. Ctrl-C ends it.")
        agent.run(stop)
        screen.say("The agent has ended.")


@agent_command.command(cls=CatsyncCommand)
@json_option
@pass_screen
def status_command(screen: Screen) -> None:
    """Show whether an agent is running, and when it checks what.

    Example: catsync agent status
    """
    with open_client(screen) as client:
        infos = [catalog.info() for catalog in client.catalogs()]
        sources = client.repositories()
        runs = client.has_agent()
    rows = []
    for source in sources:
        times = [
            info.next_check for info in infos if info.repository == source.row.shown and info.next_check is not None
        ]
        rows.append(
            {
                "repository": source.row.shown,
                "checked_at": source.row.checked_at,
                "attempted_at": source.row.attempted_at,
                "next_check": min(times) if runs and times else None,
                "failures": source.row.failures,
                "problem": source.row.problem,
            }
        )
    if screen.json:
        screen.document({"schema": 1, "running": runs, "repositories": rows})
        return
    screen.say("The agent is running." if runs else f"{NO_AGENT}.")
    if rows:
        now = time.time()
        screen.table(
            _COLUMNS,
            [
                [
                    Cell(str(row["repository"])),
                    Cell(show_age(source.row.checked_at, now)),
                    Cell(show_wait(row["next_check"], now) if isinstance(row["next_check"], float) else "-"),
                    Cell(source.row.problem, color="red"),
                ]
                for row, source in zip(rows, sources, strict=True)
            ],
        )


class _Log(ProgressView):
    """A line for whatever is worth one, with its time."""

    def __call__(self, event: Event) -> None:
        sentence = _describe(event)
        if sentence:
            self._screen.say(f"{time.strftime('%H:%M:%S')} {sentence}")
        else:
            super().__call__(event)


def _describe(event: Event) -> str:
    """Return what there is to say of an event; empty for nothing."""
    if isinstance(event, RepositoryChecked):
        found = show_count(len(event.updates), "update") if event.updates else "nothing new"
        return f"{event.repository}: {event.problem or found}"
    if isinstance(event, UpdateFound):
        return f"{event.title} ({event.catalog}): version {event.version} is available: catsync update {event.catalog}"
    if isinstance(event, Phase) and event.name == "fetch":
        return f"{event.subject}: downloading {show_bytes(event.total)}"
    if isinstance(event, JobWaits):
        when = f", again {show_wait(event.until, time.time())}" if event.until else ""
        return f"{event.catalog}: {JOBS[event.job]} waits: {event.reason}{when}"
    if isinstance(event, JobEnded):
        what = f": {event.message}" if event.message else f", version {event.version}" if event.version else ""
        return f"{event.catalog}: {JOBS[event.job]} {event.outcome}{what}"
    return ""


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Return an event that Ctrl-C and the system's wish to end set, instead of breaking off whatever is under way."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
