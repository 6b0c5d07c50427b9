"""``catsync config``: what is configured, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import msgspec

from catsync_core.cli.loading import find_plugins
from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.client.home import home_folder
from catsync_core.config import Config, Origin, find_config
from catsync_core.plugins import Plugins

__all__ = ["config_command"]

_SECRET = ("secret", "password", "token")
_HIDDEN = "(hidden)"


class _Row(msgspec.Struct, frozen=True):
    """One setting: its catalog (None for all), its dotted key, and its value in the words of JSON."""

    catalog: str | None
    key: str
    value: object
    origin: Origin


@click.group()
def config_command() -> None:
    """Look at the configuration.

    Example: catsync config show
    """


@config_command.command(cls=CatsyncCommand)
@click.option("--origin", is_flag=True, help="Say of each setting where it comes from.")
@json_option
@pass_screen
def show_command(screen: Screen, *, origin: bool) -> None:
    """Show every setting that is in effect.

    Example: catsync config show --origin

    What it prints is TOML. Catalogs are shown where something of theirs is set otherwise.
    """
    config = find_config(home_folder())
    plugins = find_plugins(screen)
    common = list(_rows(config, plugins, None))
    known = {(row.key, json.dumps(row.value)) for row in common}
    own = [
        row
        for catalog in config.catalogs
        for row in _rows(config, plugins, catalog)
        if row.origin is Origin.OVERRIDE or (row.key, json.dumps(row.value)) not in known
    ]
    if screen.json:
        screen.document({"schema": 1, "path": str(config.path), "settings": common + own})
        return
    for row in common + own:
        screen.data(_write(row) + (f"  # {row.origin}" if origin else ""))
    screen.say(f"The file is {config.path}" + ("." if config.path.exists() else "; it does not exist yet."))


def _rows(config: Config, plugins: Plugins, catalog: str | None) -> Iterator[_Row]:
    schedule, times = config.schedule(catalog, plugins.schedules())
    yield from _spread(config, catalog, ("auto_sync",), config.auto_sync(catalog))
    yield from _spread(config, catalog, ("schedules", schedule.name), times)
    for policy, settings in config.policies(catalog, plugins.policies()):
        yield from _spread(config, catalog, ("policies", policy.name), settings)
    for name in config.disabled_policies(catalog):
        yield _Row(catalog, f"policies.{name}", value=False, origin=config.origin(catalog, "policies", name))
    if catalog is None:
        for notifier, settings in config.notifiers(plugins.notifiers()):
            yield from _spread(config, None, ("notifiers", notifier.name), settings)
        yield from _spread(config, None, ("jobs",), config.jobs)


def _spread(config: Config, catalog: str | None, keys: tuple[str, ...], settings: object) -> Iterator[_Row]:
    """Each setting of a struct; one that has none is shown as an empty table."""
    values: dict[str, object] = msgspec.to_builtins(settings)
    for name, value in values.items():
        hidden = value and any(word in name for word in _SECRET)
        yield _Row(catalog, ".".join((*keys, name)), _HIDDEN if hidden else value, config.origin(catalog, *keys, name))
    if not values:
        yield _Row(catalog, ".".join(keys), {}, config.origin(catalog, *keys))


def _write(row: _Row) -> str:
    """Return a setting as a line of TOML, which has no word for nothing."""
    key = row.key if row.catalog is None else f'catalogs."{row.catalog}".{row.key}'
    return f"# {key} is not set" if row.value is None else f"{key} = {_toml(row.value)}"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one character that JSON lets pass
