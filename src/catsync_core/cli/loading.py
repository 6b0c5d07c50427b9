"""Load the plugins for a command, and tell the user of those that are broken."""

from __future__ import annotations

from catsync_core.cli.screen import Screen
from catsync_core.plugins import Plugins, load_plugins

__all__ = ["find_plugins"]


def find_plugins(screen: Screen) -> Plugins:
    """Load the plugins and name those that are broken."""
    plugins = load_plugins()
    for record in plugins.broken:
        screen.warn(
            record.name,
            f"The plugin {record.name} ({record.distribution} {record.version}) is broken and was left out:"
            f" {record.error}",
        )
    return plugins
