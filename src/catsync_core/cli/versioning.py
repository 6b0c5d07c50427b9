"""``catsync changes``, ``skip`` and ``rollback``: what a newer version brings, not to want it, and the way back."""

from __future__ import annotations

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.progress import ProgressView, choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import show_bytes, show_count, show_date
from catsync_core.client.changes import Changes, FileChange

__all__ = ["changes_command", "rollback_command", "skip_command"]


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def changes_command(screen: Screen, catalog: str) -> None:
    """Show what is new in the newest version.

    Example: catsync changes shoes

    The local copy of an offline catalog is compared with it. Metadata is fetched, content is not. `catsync plan` shows
    what the update would download.
    """
    with open_client(screen) as client:
        changes = find_catalog(client, catalog).changes()
    if screen.json:
        screen.document(changes)
        return
    if changes.from_version == changes.to_version:
        screen.say(f"{changes.title} is up to date: version {changes.to_version} is on this device.")
        return
    _show(screen, changes)


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def rollback_command(screen: Screen, catalog: str) -> None:
    """Go back to the version before the last update.

    Example: catsync rollback shoes

    Every file of it is verified first; no connection is needed and nothing is deleted. `catsync update` brings the
    newest version back.
    """
    progress = ProgressView(screen) if screen.json else choose_progress(screen)
    with open_client(screen, progress) as client:
        found = find_catalog(client, catalog)
        with progress:
            after = found.roll_back()
    before = after.previous.version if after.previous else None
    if screen.json:
        screen.document({"schema": 1, "catalog": catalog, "from_version": before, "to_version": after.version})
    screen.say(
        f"{catalog} is back at version {after.version}, published {show_date(after.published)}."
        f" `catsync update {catalog}` brings the newest version."
    )


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def skip_command(screen: Screen, catalog: str) -> None:
    """Do not show the available update any more, until a newer one comes.

    Example: catsync skip shoes

    `catsync update` with the catalog's name fetches it all the same; `update --all` leaves it out.
    """
    with open_client(screen) as client:
        version = find_catalog(client, catalog).skip()
    if screen.json:
        screen.document({"schema": 1, "catalog": catalog, "skipped_version": version})
    screen.say(f"Version {version} of {catalog} is skipped. `catsync update {catalog}` fetches it all the same.")


def _show(screen: Screen, changes: Changes) -> None:
    screen.data(
        f"{changes.title} ({changes.catalog}): version {changes.from_version} to {changes.to_version},"
        f" published {show_date(changes.published)}"
    )
    if changes.note:
        screen.data(changes.note)
    parts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    counts = [f"{show_count(len(files), 'file')} {word}" for word, files in parts.items() if files]
    screen.data(", ".join(counts) or "No file differs")
    rows = [_line(word, file) for word, files in parts.items() for file in files]
    if rows:
        screen.data("")
        screen.table([Column(""), Column("Size", right=True), Column("Path")], rows)


def _line(word: str, file: FileChange) -> list[Cell]:
    return [Cell(word), Cell(show_bytes(file.bytes)), Cell(file.path)]
