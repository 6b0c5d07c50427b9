"""``catsync list`` and ``info``: what there is, as the last check found it."""

from __future__ import annotations

import time

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import (
    show_age,
    show_bytes,
    show_count,
    show_date,
    show_day,
    show_status,
    show_update_command,
)
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
    updates = [info.catalog for info in infos if info.label == "update_available" and info.offered]
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
        ("Downloaded", _download(info)),
        ("Unfinished", f"{show_bytes(info.kept_bytes)} have arrived and are kept" if info.kept_bytes else ""),
        ("Folder", info.path),
        ("Repository", info.repository),
        ("Checked", show_age(info.checked_at, now)),
        ("Problem", info.problem),
        ("Next step", _next_step(info)),
    ]
    colors = {"Status": color, "Problem": "red"}
    return [(name, Cell(text, color=colors.get(name))) for name, text in rows if text]


def _version(version: int | None, published: int, files: int, size: int) -> str:
    if version is None:
        return ""
    return f"{version} of {show_date(published)}, {show_bytes(size)} in {show_count(files, 'file')}"


def _download(info: CatalogInfo) -> str:
    if not info.downloaded_at:
        return ""
    return f"{show_bytes(info.downloaded_bytes)}, {show_date(info.downloaded_at)}"


def _next_step(info: CatalogInfo) -> str:
    if not info.offered:
        return f"The local copy stays usable; `catsync online {info.catalog} --force` deletes it" if info.path else ""
    return {
        "online": f"`catsync offline {info.catalog}` keeps it on this device",
        "offline": f"`catsync check {info.catalog}` asks for updates",
        "update_available": f"`catsync update {info.catalog}` fetches version {info.head_version}",
        "incomplete": f"`catsync offline {info.catalog}` goes on with the download",
        "gone": "",
    }[info.label]
