"""``catsync add`` and ``remove``: the repositories that this device knows."""

from __future__ import annotations

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import open_client
from catsync_core.cli.words import show_bytes, show_count

__all__ = ["add_command", "remove_command"]


@click.command(cls=CatsyncCommand)
@click.argument("repo")
@json_option
@pass_screen
def add_command(screen: Screen, repo: str) -> None:
    """Add a repository, so that its catalogs are listed.

    Example: catsync add https://example.org/catalogs

    REPO is a URL or the path of a folder. Nothing but the list of catalogs is fetched.
    """
    with open_client(screen) as client:
        infos = [catalog.info() for catalog in client.add(repo)]
    if screen.json:
        screen.document({"schema": 1, "catalogs": infos})
        return
    if not infos:
        screen.say("Added. The repository offers no catalogs yet; `catsync check` asks again.")
        return
    screen.say(f"Added. {show_count(len(infos), 'catalog')} can be read online now:")
    for info in infos:
        screen.say(f"  {info.catalog}  {info.title}, {show_bytes(info.bytes)}")
    screen.say(f"To keep one on this device: catsync offline {infos[0].catalog}")


@click.command(cls=CatsyncCommand)
@click.argument("repo")
@pass_screen
def remove_command(screen: Screen, repo: str) -> None:
    """Forget a repository.

    Example: catsync remove https://example.org/catalogs

    Catalogs of it that are offline must be made online first; nothing is deleted by this command.
    """
    with open_client(screen) as client:
        client.remove(repo)
    screen.say("Removed. Its catalogs are no longer listed.")
