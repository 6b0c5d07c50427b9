"""``catsync jobs``, ``pause``, ``resume``, ``cancel`` and ``auto-sync``: what is under way, and who decides."""

from __future__ import annotations

import time

import click

from catsync_core.cli.consent import run_download
from catsync_core.cli.memory import keep_freed_memory
from catsync_core.cli.options import CatsyncCommand, json_option, now_option
from catsync_core.cli.progress import PHASES, choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, catalogs_argument, each, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import JOBS, show_bytes, show_wait
from catsync_core.client.checks import NO_AGENT
from catsync_core.client.report import JobInfo

__all__ = ["auto_sync_command", "cancel_command", "jobs_command", "pause_command", "resume_command"]

_COLUMNS = (
    Column("Catalog", flexible=True),
    Column("Job"),
    Column("Progress", right=True, spare=1),
    Column("State", flexible=True),
)


@click.command(cls=CatsyncCommand)
@json_option
@pass_screen
def jobs_command(screen: Screen) -> None:
    """Show what is under way, what waits and what is paused.

    Example: catsync jobs

    A catalog has one job at most. What failed for good is no job any more; `catsync list` shows it.
    """
    with open_client(screen) as client:
        jobs = client.jobs()
    if screen.json:
        screen.document({"schema": 1, "jobs": jobs})
        return
    if jobs:
        screen.table(_COLUMNS, [_row(job, time.time()) for job in jobs])
    else:
        screen.say("Nothing is under way.")


@click.command(cls=CatsyncCommand)
@catalogs_argument
@pass_screen
def pause_command(screen: Screen, catalogs: tuple[str, ...]) -> None:
    """Let downloads rest until they are resumed.

    Example: catsync pause shoes

    What has arrived is kept. It does not matter which process downloads: another terminal, the agent, the sync screen.
    """
    with open_client(screen) as client:

        def pause(name: str) -> None:
            find_catalog(client, name).pause()
            screen.say(f"{name} is paused. `catsync resume {name}` goes on.")

        each(screen, catalogs, pause)


@click.command(cls=CatsyncCommand)
@catalog_argument
@now_option
@json_option
@pass_screen
def resume_command(screen: Screen, catalog: str, *, now: bool) -> None:
    """Go on with what is paused, waits or failed.

    Example: catsync resume shoes

    An agent that is running on this device goes on with it; where there is none, this command does it here and now.
    """
    keep_freed_memory()
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:
        found = find_catalog(client, catalog)
        job = found.resume(consented=now)
        if job is not None and client.is_served():
            screen.say(f"{catalog} goes on in the background. `catsync jobs` shows how far it is.")
        elif job is not None:
            run_download(progress, lambda *, consented: found.run_job(consented=consented), now=now)
            screen.say(f"The {JOBS[job.kind.value]} of {catalog} is done.")
        info = found.info()
    if screen.json:
        screen.event("summary", {"schema": 1, "catalog": catalog, "label": info.label, "job": info.job})


@click.command(cls=CatsyncCommand)
@catalogs_argument
@pass_screen
def cancel_command(screen: Screen, catalogs: tuple[str, ...]) -> None:
    """End what is under way or waits.

    Example: catsync cancel shoes

    A catalog that was never complete here is online then. A version that is complete stays in use.
    """
    with open_client(screen) as client:

        def cancel(name: str) -> None:
            found = find_catalog(client, name)
            found.cancel()
            screen.say(f"Cancelled. {name} is {found.info().mode}.")

        each(screen, catalogs, cancel)


@click.command(cls=CatsyncCommand)
@catalog_argument
@click.argument("switch", type=click.Choice(["on", "off"]))
@json_option
@pass_screen
def auto_sync_command(screen: Screen, catalog: str, switch: str) -> None:
    """Say whether a catalog is checked for updates by itself.

    Example: catsync auto-sync shoes on

    The agent does so, once within a day. An update that is found is shown and never downloaded by itself.
    """
    with open_client(screen) as client:
        found = find_catalog(client, catalog)
        found.set_auto_sync(on=switch == "on")
        info = found.info()
    if screen.json:
        screen.document({"schema": 1, "catalog": catalog, "auto_sync": info.auto_sync, "next_check": info.next_check})
    screen.say(f"Auto-sync of {catalog} is {switch}.")
    if switch == "on" and info.no_check:
        screen.say(f"{info.no_check}.")
    elif switch == "on" and not info.agent:
        screen.say(f"{NO_AGENT}.")


def _row(job: JobInfo, now: float) -> list[Cell]:
    share = f"{show_bytes(job.done)} of {show_bytes(job.total)}" if job.total else ""
    return [Cell(job.catalog), Cell(JOBS[job.kind]), Cell(share), _state(job, now)]


def _state(job: JobInfo, now: float) -> Cell:
    if job.running:
        return Cell(PHASES.get(job.phase, "Preparing"), color="cyan")
    if not job.gate:
        return Cell(f"Waits for its turn, place {job.position}", color="yellow")
    when = f", again {show_wait(job.until, now)}" if job.until else ""
    return Cell(f"{job.reason}{when}", color="yellow")
