"""``catsync list`` and ``info``: what there is, as the last check found it."""

from __future__ import annotations

import time

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.progress import PHASES
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import (
    JOBS,
    show_age,
    show_bytes,
    show_count,
    show_date,
    show_day,
    show_status,
    show_update_command,
    show_wait,
)
from catsync_core.client.labels import Label
from catsync_core.client.report import CatalogInfo

__all__ = ["info_command", "list_command"]

_COLUMNS = (
    Column("Catalog", flexible=True),
    Column("Status"),
    Column("Size", right=True, spare=2),
    Column("As of", spare=1),
    Column("Checked", spare=3),
)


@click.command(cls=CatsyncCommand)
@json_option
@pass_screen
def list_command(screen: Screen) -> None:
    """Show all catalogs and their state.

    Example: catsync list

    No connection is needed: it shows what the last check found.
    """
    with open_client(screen) as client:
        infos = [catalog.info() for catalog in client.catalogs()]
        repositories = len(client.repositories())
    if screen.json:
        screen.document({"schema": 1, "catalogs": infos})
        return
    if infos:
        screen.table(_COLUMNS, [_row(info, time.time()) for info in infos])
    _say_what_next(screen, infos, repositories)


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def info_command(screen: Screen, catalog: str) -> None:
    """Show everything about one catalog.

    Example: catsync info shoes
    """
    with open_client(screen) as client:
        info = find_catalog(client, catalog).info()
    if screen.json:
        screen.document(info)
        return
    screen.pairs(_describe(info, time.time()))


def _row(info: CatalogInfo, now: float) -> list[Cell]:
    status, color = show_status(info)
    return [
        Cell("", info.catalog) if info.title in {"", info.catalog} else Cell(info.title, f" ({info.catalog})"),
        Cell(status, color=color),
        Cell(show_bytes(info.installed_bytes or info.bytes)),
        Cell(show_day(info.installed_published or info.head_published)),
        Cell(show_age(info.checked_at, now)),
    ]


def _say_what_next(screen: Screen, infos: list[CatalogInfo], repositories: int) -> None:
    if not repositories and not infos:
        screen.say("There are no catalogs yet. Add what a publisher offers: catsync add REPO")
    elif not infos:
        screen.say("The repositories offer no catalogs yet. To ask again: catsync check")
    for problem in dict.fromkeys(info.problem for info in infos if info.problem):
        catalogs = ", ".join(info.catalog for info in infos if info.problem == problem)
        screen.warn(catalogs, f"{catalogs}: {problem}")
    updates = [info.catalog for info in infos if info.label is Label.UPDATE_AVAILABLE]
    if updates:
        screen.say(show_update_command(updates))


def _describe(info: CatalogInfo, now: float) -> list[tuple[str, Cell]]:
    """Return what there is to say; what is not known is left out."""
    status, color = show_status(info)
    rows = [
        ("Title", info.title),
        ("Catalog", info.catalog),
        ("Status", status),
        ("Newest version", _version(info.head_version, info.head_published, info.files, info.bytes)),
        (
            "Local version",
            _version(info.installed_version, info.installed_published, info.installed_files, info.installed_bytes),
        ),
        ("Skipped", f"version {info.skipped_version}" if info.skipped_version else ""),
        ("Previous version", _previous(info)),
        ("Downloaded", _download(info)),
        ("Unfinished", f"{show_bytes(info.kept_bytes)} have arrived and are kept" if info.kept_bytes else ""),
        ("Folder", info.path),
        ("Repository", info.repository),
        ("Checked", show_age(info.checked_at, now)),
        ("Auto-sync", _auto_sync(info, now)),
        ("Under way", _job(info, now)),
        ("Problem", info.problem + (f" ({show_age(info.problem_at, now)})" if info.problem_at else "")),
        ("Next step", _next_step(info)),
    ]
    colors = {"Status": color, "Problem": "red"}
    return [(name, Cell(text, color=colors.get(name))) for name, text in rows if text]


def _version(version: int | None, published: int, files: int, size: int) -> str:
    if version is None:
        return ""
    return f"{version} of {show_date(published)}, {show_bytes(size)} in {show_count(files, 'file')}"


def _previous(info: CatalogInfo) -> str:
    if info.previous_version is None:
        return ""
    return (
        f"{info.previous_version}, {show_bytes(info.previous_bytes)}; `catsync rollback {info.catalog}` goes back to it"
    )


def _download(info: CatalogInfo) -> str:
    if not info.downloaded_at:
        return ""
    return f"{show_bytes(info.downloaded_bytes)}, {show_date(info.downloaded_at)}"


def _next_step(info: CatalogInfo) -> str:
    catalog = info.catalog
    if info.label is Label.GONE:
        return f"The local copy stays usable; `catsync online {catalog} --force` deletes it" if info.path else ""
    kind = info.job.kind if info.job else ("install" if info.installed_version is None else "update")
    again = f"`catsync {'offline' if kind == 'install' else 'update'} {catalog}`"
    return {
        Label.ONLINE: f"`catsync offline {catalog}` keeps it on this device",
        Label.ONLINE_UNREACHABLE: f"`catsync check {catalog}` tries again",
        Label.INCOMPLETE: f"{again} goes on with the download",
        Label.WAITING: f"`catsync resume {catalog} --now` goes on at once, `catsync cancel {catalog}` ends it",
        Label.PAUSED: f"`catsync resume {catalog}` goes on",
        Label.FAILED: f"{again} tries again",
        Label.UPDATE_FAILED: f"{again} tries again; version {info.installed_version} stays usable",
        Label.DAMAGED: f"`catsync repair {catalog}` fetches what is damaged",
        Label.UNTRUSTED: "Ask the publisher whether the repository was restored or replaced",
        Label.EXPIRED: f"`catsync check {catalog}` asks for updates",
        Label.UPDATE_AVAILABLE: f"`catsync update {catalog}` fetches version {info.head_version}",
        Label.STALE: f"`catsync check {catalog}` asks for updates",
        Label.OFFLINE: f"`catsync check {catalog}` asks for updates",
        Label.REMOVING: f"`catsync online {catalog}` tries again, `catsync offline {catalog}` keeps the copy",
    }.get(info.label, f"`catsync pause {catalog}` lets it rest, `catsync cancel {catalog}` ends it")


def _job(info: CatalogInfo, now: float) -> str:
    """Say what is under way, or why it is not."""
    job = info.job
    if job is None:
        return ""
    size = f", {show_bytes(job.done)} of {show_bytes(job.total)}" if job.total else ""
    if job.running:
        return f"{JOBS[job.kind]}: {PHASES.get(job.phase, 'starting').lower()}{size}"
    when = f", again {show_wait(job.until, now)}" if job.until else ""
    return f"{JOBS[job.kind]}: {job.reason or 'waits for its turn'}{when}"


def _auto_sync(info: CatalogInfo, now: float) -> str:
    if info.no_check or info.next_check is None:
        return f"{'on' if info.auto_sync else 'off'}. {info.no_check}".rstrip(". ")
    return f"on, next check {show_wait(info.next_check, now)}"
