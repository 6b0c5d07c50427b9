"""``catsync check``: what is new at the repositories."""

from __future__ import annotations

import click

from catsync_core import errors
from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import any_catalogs_argument, find_catalog, open_client
from catsync_core.cli.words import show_day, show_update_command
from catsync_core.client.report import CatalogInfo, Checked
from catsync_core.errors import CatsyncError, SomeFailedError

__all__ = ["check_command"]

_UPDATE_AVAILABLE = 4


@click.command(cls=CatsyncCommand)
@any_catalogs_argument
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


def _tell_updates(screen: Screen, updates: list[CatalogInfo], checked: list[Checked]) -> None:
    for info in updates:
        screen.data(
            f"{info.title} ({info.catalog}): version {info.head_version} of {show_day(info.head_published)} is"
            f" available, version {info.installed_version} is on this device"
        )
    if updates:
        screen.say(show_update_command([i.catalog for i in updates]))
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
    kind = next(kind for name in errors.__all__ if (kind := getattr(errors, name)).code == found.code)
    error: CatsyncError = kind(found.error, hint=found.hint)
    return error
