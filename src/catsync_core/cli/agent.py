"""``catsync agent``: check by itself, run what is queued, and be started by the system."""

from __future__ import annotations

import time

import click
import msgspec

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
from catsync_core.client.service.control import (
    ServiceChange,
    ServiceStatus,
    install_service,
    service_status,
    uninstall_service,
)
from catsync_core.events import Event, JobEnded, JobWaits, Phase, RepositoryChecked, UpdateFound
from catsync_core.signals import stopping

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
    with stopping() as stop:
        if once:
            agent.run_once(stop)
            return
        screen.say("The agent is running. Ctrl-C ends it.")
        agent.run(stop)
        screen.say("The agent has ended.")


@agent_command.command(cls=CatsyncCommand)
@click.option("--force", is_flag=True, help="Replace a service of the same name that catsync did not write.")
@json_option
@pass_screen
def install_command(screen: Screen, *, force: bool) -> None:
    """Let the system start the agent with your session.

    Example: catsync agent install

    On Linux it is a systemd user unit, on macOS a launchd agent, on Windows a scheduled task.
    """
    change = install_service(home_folder(), force=force)
    _tell_change(screen, change, f"The agent is installed and starts with your session: {change.place}", "written")


@agent_command.command(cls=CatsyncCommand)
@click.option("--force", is_flag=True, help="Remove a service of the same name that catsync did not write.")
@json_option
@pass_screen
def uninstall_command(screen: Screen, *, force: bool) -> None:
    """Do not let the system start the agent any more.

    Example: catsync agent uninstall
    """
    change = uninstall_service(force=force)
    _tell_change(screen, change, "The agent is uninstalled" if change.changed else "No agent was installed", "removed")


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
    service = service_status(home_folder())
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
        screen.document({"schema": 1, "running": runs, "service": service, "repositories": rows})
        return
    screen.say("The agent is running." if runs else f"{NO_AGENT}.")
    _tell_service(screen, service)
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


def _tell_change(screen: Screen, change: ServiceChange, done: str, what: str) -> None:
    if screen.json:
        screen.document({"schema": 1} | msgspec.to_builtins(change))
        return
    if not change.problem:
        screen.say(f"{done}.")
        return
    screen.say(f"{change.place} is {what}.")
    screen.warn("agent", f"{change.supervisor} could not be told: {change.problem}. Type in a session of your own:")
    for command in change.commands:
        screen.say(f"  {command}")


def _tell_service(screen: Screen, service: ServiceStatus) -> None:
    """Say whether the system starts the agent, and what is wrong with that."""
    if not service.installed:
        screen.say(f"It is not installed as a service of {service.supervisor}.")
        return
    where = f"{service.supervisor}: {service.place}"
    screen.say(
        f"It is installed as a service ({where})." if service.ours else f"Somebody else's service is at {where}."
    )
    if service.ours and not service.current:
        screen.warn(
            "agent", "The service starts another catsync, or for another home; `catsync agent install` mends it"
        )
    if service.ours and service.enabled is False:
        screen.warn("agent", "The service does not start with your session; `catsync agent install` mends it")
    if service.problem:
        screen.warn("agent", service.problem)


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
