"""``catsync plan``, ``offline``, ``update`` and ``online``: what comes onto this device and what leaves it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from catsync_core.cli.options import CatsyncCommand, json_option, via_option
from catsync_core.cli.progress import choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import CATALOG, each, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import show_bytes, show_count, show_date, show_seconds
from catsync_core.client.report import CatalogInfo, Summary
from catsync_core.errors import CancelledError, UsageError
from catsync_core.format.paths import show_path
from catsync_core.plan.model import Via
from catsync_core.store.layout import CatalogStore

__all__ = ["offline_command", "online_command", "plan_command", "update_command"]

_ACTIONS = {
    "keep": "keep as it is",
    "copy": "copy from here",
    "patch": "patch",
    "blocks": "download in part",
    "full": "download whole",
}
_BASIS = click.option(
    "--basis",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder with another copy to reuse, such as on a USB stick; may be repeated.",
)


@click.command(cls=CatsyncCommand)
@click.argument("catalog", type=CATALOG)
@via_option
@_BASIS
@json_option
@pass_screen
def plan_command(screen: Screen, catalog: str, via: str, basis: tuple[Path, ...]) -> None:
    """Show what an update or a first download would do.

    Example: catsync plan shoes

    Metadata is fetched, content is not. The totals are exact: the download that follows keeps to them.
    """
    with open_client(screen) as client:
        summary = find_catalog(client, catalog).plan(via=Via(via), folders=basis)
    if screen.json:
        screen.document(summary)
        return
    _show_plan(screen, summary)


@click.command(cls=CatsyncCommand)
@click.argument("catalogs", nargs=-1, required=True, type=CATALOG)
@via_option
@_BASIS
@json_option
@pass_screen
def offline_command(screen: Screen, catalogs: tuple[str, ...], via: str, basis: tuple[Path, ...]) -> None:
    """Keep catalogs on this device, ready without a connection.

    Example: catsync offline shoes

    The download starts at once. After an interruption the same command goes on where it stopped.
    """
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:

        def keep(name: str) -> None:
            catalog = find_catalog(client, name)
            with progress:
                summary = catalog.go_offline(via=Via(via), folders=basis)
            _report(screen, summary, _tell_offline(catalog.info(), summary))

        each(screen, catalogs, keep)


@click.command(cls=CatsyncCommand)
@click.argument("catalogs", nargs=-1, type=CATALOG)
@click.option("--all", "every", is_flag=True, help="All offline catalogs that have an update.")
@via_option
@json_option
@pass_screen
def update_command(screen: Screen, catalogs: tuple[str, ...], via: str, *, every: bool) -> None:
    """Bring offline catalogs to their newest version.

    Example: catsync update shoes

    Only what changed is downloaded. The old version is read until the new one is complete.
    """
    if bool(catalogs) == every:
        raise click.UsageError("Name the catalogs to update, or give --all for all of them, but not both")
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:

        def update(name: str) -> None:
            catalog = find_catalog(client, name)
            with progress:
                summary = catalog.update(via=Via(via))
            _report(screen, summary, _tell_update(catalog.info(), summary))

        if every:
            installed = [
                info.catalog for info in (each.info() for each in client.catalogs()) if info.path and info.offered
            ]
            if not installed:
                screen.say("No catalog is offline, so there is nothing to update.")
            catalogs = tuple(installed)
        each(screen, catalogs, update)


@click.command(cls=CatsyncCommand)
@click.argument("catalogs", nargs=-1, required=True, type=CATALOG)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Delete even when the repository cannot be reached.")
@json_option
@pass_screen
def online_command(screen: Screen, catalogs: tuple[str, ...], *, yes: bool, force: bool) -> None:
    """Delete the local copy of catalogs and read them online again.

    Example: catsync online shoes

    Exactly what catsync stored is deleted. Without a connection nothing is, unless --force says so.
    """
    with open_client(screen) as client:
        chosen = {name: find_catalog(client, name) for name in catalogs}
        sizes = {name: _stored_bytes(CatalogStore(client.home, name).root) for name in chosen}
        infos = {name: catalog.info() for name, catalog in chosen.items()}
        if any(sizes.values()) and not yes:
            _confirm([(infos[name], size) for name, size in sizes.items() if size])

        def leave(name: str) -> dict[str, object]:
            left = chosen[name].go_online(force=force)
            _tell_online(screen, infos[name], sizes[name], left)
            return {"catalog": name, "deleted_bytes": sizes[name], "left": left}

        done = each(screen, chosen, leave)
    if screen.json:
        screen.document({"schema": 1, "catalogs": done})


def _report(screen: Screen, summary: Summary, sentence: str) -> None:
    if screen.json:
        screen.event("summary", summary)
        return
    screen.say(sentence)
    if screen.verbose:
        for action, total in summary.actions.items():
            if total.files:
                screen.say(f"  {_ACTIONS[action]}: {show_count(total.files, 'file')}, {show_bytes(total.bytes)}")
        screen.say(f"  {show_count(summary.requests, 'request')} in {show_seconds(summary.seconds)}")


def _show_plan(screen: Screen, summary: Summary) -> None:
    done = {name: total for name, total in summary.actions.items() if total.files}
    rows = [[Cell(_ACTIONS[name]), Cell(f"{total.files:,}"), Cell(f"{total.bytes:,}")] for name, total in done.items()]
    screen.data(f"{summary.title} ({summary.catalog}): {_versions(summary)}")
    screen.data("")
    screen.table([Column("Action"), Column("Files", right=True), Column("Bytes", right=True)], rows)
    screen.data("")
    screen.pairs(
        [
            ("To download", Cell(_exact(summary.bytes_received))),
            ("Requests", Cell(f"{summary.requests:,}")),
            ("Reused", Cell(_exact(summary.bytes_reused))),
            ("To write", Cell(_exact(summary.bytes_written))),
        ]
    )


def _versions(summary: Summary) -> str:
    if summary.from_version is None:
        return f"first download, version {summary.to_version}"
    if summary.from_version == summary.to_version:
        return f"version {summary.to_version} is here already"
    return f"update from version {summary.from_version} to {summary.to_version}"


def _exact(count: int) -> str:
    return show_count(count, "byte") + (f" ({show_bytes(count)})" if count >= 1000 else "")


def _tell_offline(info: CatalogInfo, summary: Summary) -> str:
    already = "" if summary.changed else " already"
    newer = ""
    if info.label == "update_available":
        newer = f" Version {info.head_version} is available: catsync update {info.catalog}"
    return (
        f"{info.title} is offline{already}: version {summary.to_version}, {show_bytes(summary.total_bytes)},"
        f" as of {show_date(info.installed_published)}.{newer}"
    )


def _tell_update(info: CatalogInfo, summary: Summary) -> str:
    if not summary.changed:
        return f"{info.title} is up to date: version {summary.to_version}, as of {show_date(info.installed_published)}."
    return (
        f"{info.title} is updated to version {summary.to_version}:"
        f" {show_bytes(summary.bytes_received)} of {show_bytes(summary.total_bytes)} downloaded."
    )


def _tell_online(screen: Screen, info: CatalogInfo, deleted: int, left: list[str]) -> None:
    if deleted:
        screen.say(f"{info.title} is online. {show_bytes(deleted)} were deleted from this device.")
    else:
        screen.say(f"{info.title} is online; there was nothing to delete.")
    for path in left:
        screen.warn(info.catalog, f"{path} is not catsync's and was left")


def _confirm(doomed: list[tuple[CatalogInfo, int]]) -> None:
    """Ask whether local copies may be deleted.

    Raises:
        UsageError: (local) nobody can be asked.
        CancelledError: (local) the answer is no.
    """
    named = " and ".join(f"{info.title} ({info.catalog}, {show_bytes(size)})" for info, size in doomed)
    if not sys.stdin.isatty():
        raise UsageError(
            f"The local copy of {named} would be deleted, and there is nobody to ask", hint="`--yes` deletes it unasked"
        )
    if not click.confirm(f"Delete the local copy of {show_path(named)} from this device?", err=True):
        raise CancelledError("Nothing was deleted", hint="The catalogs stay offline")


def _stored_bytes(root: Path) -> int:
    """Return how large everything of a catalog on this device is; what is linked twice counts once."""
    found: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - as many calls as there are files
            found[status.st_dev, status.st_ino] = status.st_size
    return sum(found.values())
