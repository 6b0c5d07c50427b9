"""``catsync online``: delete local copies, after asking."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalogs_argument, each, find_catalog, open_client
from catsync_core.cli.words import show_bytes
from catsync_core.client.report import CatalogInfo
from catsync_core.errors import CancelledError, UsageError
from catsync_core.format.paths import show_path
from catsync_core.store.layout import CatalogStore

__all__ = ["online_command"]


@click.command(cls=CatsyncCommand)
@catalogs_argument
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
        infos = {name: catalog.info() for name, catalog in chosen.items()}
        places = {name: CatalogStore(client.home, name).root for name in chosen}
        doomed = [info for info in infos.values() if info.path or info.kept_bytes]
        if doomed and not yes:
            _confirm([(info, _stored_bytes(places[info.catalog])) for info in doomed])

        def leave(name: str) -> dict[str, object]:
            before = _stored_bytes(places[name])
            left = chosen[name].go_online(force=force)
            deleted = before - _stored_bytes(places[name])
            _tell_online(screen, infos[name], deleted, left)
            return {"catalog": name, "deleted_bytes": deleted, "left": left}

        done = each(screen, chosen, leave)
    if screen.json:
        screen.document({"schema": 1, "catalogs": done})


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
