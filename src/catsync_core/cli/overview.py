"""``catsync list``, ``info`` and ``check``: what there is, and what is new."""

from __future__ import annotations

import time

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import CATALOG, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import show_age, show_bytes, show_count, show_date, show_day, show_status
from catsync_core.client.report import CatalogInfo, Checked
from catsync_core.errors import (
    AuthorisationError,
    CatsyncError,
    ContentError,
    MissingObjectError,
    RemoteError,
    SomeFailedError,
)

__all__ = ["check_command", "info_command", "list_command"]

_UPDATE_AVAILABLE = 4
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
@click.argument("catalog", type=CATALOG)
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


@click.command(cls=CatsyncCommand)
@click.argument("catalogs", nargs=-1, type=CATALOG)
@click.option("--exit-code", is_flag=True, help="Exit with 4 when an update is available.")
@json_option
@pass_screen
def check_command(screen: Screen, catalogs: tuple[str, ...], *, exit_code: bool) -> None:
    """Ask the repositories for updates; downloads no content.

    Example: catsync check

    Without CATALOGS, all repositories are asked: one small request each.
    """
    with open_client(screen) as client:
        for catalog in catalogs:
            find_catalog(client, catalog)
        checked = client.check(catalogs)
        infos = {catalog.id: catalog.info() for catalog in client.catalogs()}
    updates = [infos[catalog] for found in checked for catalog in found.updates]
    if screen.json:
        screen.document({"schema": 1, "updates": [info.catalog for info in updates], "repositories": checked})
    else:
        _tell_updates(screen, updates, checked)
    _raise_failures(screen, checked)
    if updates and exit_code:
        raise click.exceptions.Exit(_UPDATE_AVAILABLE)


def _row(info: CatalogInfo, now: float) -> list[Cell]:
    status, color = show_status(info)
    title = Cell(info.title, f" ({info.catalog})") if info.title not in ("", info.catalog) else Cell("", info.catalog)
    return [
        title,
        Cell(status, color=color),
        Cell(show_bytes(info.bytes) if info.bytes else "-"),
        Cell(show_day(info.installed_published or info.head_published)),
        Cell(show_age(info.checked_at, now)),
    ]


def _say_what_next(screen: Screen, infos: list[CatalogInfo], repositories: int) -> None:
    if not repositories and not infos:
        screen.say("There are no catalogs yet. Add what a publisher offers: catsync add REPO")
    elif not infos:
        screen.say("The repositories offer no catalogs yet. To ask again: catsync check")
    for info in infos:
        if info.problem:
            screen.warn(info.catalog, f"{info.catalog}: {info.problem}")
    updates = [info.catalog for info in infos if info.label == "update_available" and info.offered]
    if updates:
        screen.say(f"To fetch {show_count(len(updates), 'update')}: catsync update {_all_or(updates)}")


def _all_or(updates: list[str]) -> str:
    return updates[0] if len(updates) == 1 else "--all"


def _describe(info: CatalogInfo, now: float) -> list[tuple[str, Cell]]:
    """Return what there is to say; what is not known is left out."""
    status, color = show_status(info)
    rows = [
        ("Title", info.title),
        ("Catalog", info.catalog),
        ("Status", status),
        ("Newest version", _version(info.head_version, info.head_published)),
        ("Local version", _version(info.installed_version, info.installed_published)),
        ("Size", f"{show_bytes(info.bytes)} in {show_count(info.files, 'file')}" if info.head_version else ""),
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


def _version(version: int | None, published: int) -> str:
    return f"{version}, published {show_date(published)}" if version is not None else ""


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


def _tell_updates(screen: Screen, updates: list[CatalogInfo], checked: list[Checked]) -> None:
    for info in updates:
        screen.data(
            f"{info.title} ({info.catalog}): version {info.head_version} of {show_day(info.head_published)} is"
            f" available, version {info.installed_version} is on this device"
        )
    if updates:
        screen.say(
            f"To fetch {show_count(len(updates), 'update')}: catsync update {_all_or([i.catalog for i in updates])}"
        )
    elif not checked:
        screen.say("There is no repository to ask. Add one: catsync add REPO")
    elif not any(found.error for found in checked):
        screen.say("Everything is up to date.")


def _raise_failures(screen: Screen, checked: list[Checked]) -> None:
    failed = {found.repository: _failure(found) for found in checked if found.error}
    if not failed:
        return
    first = next(iter(failed.values()))
    if len(failed) == len(checked) and all(error.exit_code == first.exit_code for error in failed.values()):
        raise first
    for repository, error in failed.items():
        screen.fail(error, about=repository)
    raise SomeFailedError(f"{len(failed)} of {len(checked)} repositories failed: {', '.join(failed)}", failed)


def _failure(found: Checked) -> CatsyncError:
    kinds = (RemoteError, MissingObjectError, AuthorisationError, ContentError)
    kind = next((kind for kind in kinds if kind.exit_code == found.exit_code), CatsyncError)
    message, _, hint = found.error.partition(". ")
    return kind(message, hint=hint)
