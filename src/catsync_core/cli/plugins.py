"""``catsync plugins``: what is installed, and what became of it."""

from __future__ import annotations

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.table import Cell, Column
from catsync_core.plugins import load_plugins

__all__ = ["plugins_command"]

_COLORS = {"active": "green", "disabled": None, "broken": "red"}


@click.group()
def plugins_command() -> None:
    """Look at the plugins.

    Example: catsync plugins list
    """


@plugins_command.command(cls=CatsyncCommand)
@json_option
@pass_screen
def list_command(screen: Screen) -> None:
    """Show all plugins and whether they work.

    Example: catsync plugins list

    CATSYNC_DISABLE_PLUGINS names plugins to leave out, separated by commas.
    """
    plugins = load_plugins()
    for ask in (plugins.backends, plugins.policies, plugins.schedules, plugins.notifiers):
        ask()  # what breaks only when it is called shows here too
    if screen.json:
        screen.document({"schema": 1, "plugins": plugins.records})
        return
    rows = [
        [
            Cell(record.name),
            Cell(record.status, color=_COLORS[record.status]),
            Cell(f"{record.distribution} {record.version}"),
            Cell(record.error),
        ]
        for record in plugins.records
    ]
    screen.table([Column("Plugin"), Column("Status"), Column("From", spare=1), Column("Problem", flexible=True)], rows)
