"""The configuration: one TOML file, in which each catalog may have overrides. No file: the defaults.

What belongs to a plugin is checked when the plugin's entries are at hand; everything else when the file is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from catsync_core._layers import Layers, Origin
from catsync_core.errors import ConfigError, UsageError
from catsync_core.format.index import check_catalog_id
from catsync_core.hookspecs import NotifierEntry, PolicyEntry, ScheduleEntry

__all__ = ["LONGEST", "AutoSync", "Config", "Jobs", "Origin", "find_config", "load_config"]

FILE_NAME = "config.toml"
VARIABLE = "CATSYNC_CONFIG"
LONGEST = 1 << 20  # bytes of the file
_SECTIONS = ("auto_sync", "catalogs", "jobs", "notifiers", "policies", "schedules")
_OVERRIDABLE = ("auto_sync", "policies", "schedules")
_ADVICE = "; `catsync plugins list` names plugins that are broken or disabled"
_Entry = TypeVar("_Entry", PolicyEntry, NotifierEntry)


class AutoSync(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[auto_sync]``.

    Attributes:
        enabled: Whether catalogs are checked by themselves about which the user said nothing.
        schedule: When.
        stale_after_days: So long after the last successful check a catalog counts as stale.
    """

    enabled: bool = True
    schedule: str = "daily"
    stale_after_days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] = 7.0


class Jobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[jobs]``.

    Attributes:
        at_once: How many jobs run at the same time; the others wait.
    """

    at_once: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2


class Config:
    """What the user configured. Make it with :func:`find_config` or :func:`load_config`.

    Args:
        layers: The file's tables.

    Raises:
        ConfigError: (local) something in them makes no sense.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        layers.check_names(None, (), "table", _SECTIONS)
        self._check_catalogs()
        self._auto_sync: dict[str | None, AutoSync] = {}  # it is asked for once for each of hundreds of catalogs
        for catalog in (None, *self.catalogs):
            for section in _OVERRIDABLE:
                layers.table(catalog, section)
            self._auto_sync[catalog] = layers.convert(catalog, "auto_sync", to=AutoSync)
        layers.table(None, "notifiers")
        self.jobs: Jobs = layers.convert(None, "jobs", to=Jobs)

    @property
    def path(self) -> Path:
        """The file, whether there is one or not."""
        return self._layers.path

    @property
    def catalogs(self) -> tuple[str, ...]:
        """The catalogs that have overrides."""
        return tuple(self._layers.catalogs)

    def uses(self, section: str) -> bool:
        """Whether anything stands in ``policies`` or ``notifiers``, for any catalog: else none need be loaded."""
        return any(self._layers.table(catalog, section) for catalog in (None, *self.catalogs))

    def auto_sync(self, catalog: str | None = None) -> AutoSync:
        """Return how a catalog is checked by itself; None: one that has no overrides."""
        return self._auto_sync.get(catalog, self._auto_sync[None])

    def policies(self, catalog: str | None, entries: Mapping[str, PolicyEntry]) -> list[tuple[PolicyEntry, Any]]:
        """Return the policies that are enabled for a catalog, with their settings, in the order of the file.

        Args:
            catalog: Id; None for one that has no overrides.
            entries: All policies that there are, by name.

        Raises:
            ConfigError: (local) there is no such policy, or its table makes no sense.
        """
        return self._chosen(catalog, "policies", "policy", entries)

    def disabled_policies(self, catalog: str | None) -> list[str]:
        """Return the policies that are switched off by ``false``."""
        return [name for name, value in self._layers.table(catalog, "policies").items() if value is False]

    def schedule(self, catalog: str | None, entries: Mapping[str, ScheduleEntry]) -> tuple[ScheduleEntry, Any]:
        """Return a catalog's schedule with its settings, as :meth:`policies`."""
        self._layers.check_names(catalog, ("schedules",), "schedule", entries, advice=_ADVICE)
        name = self.auto_sync(catalog).schedule
        if name not in entries:
            place = self._layers.name(catalog, "auto_sync", "schedule")
            known = ", ".join(sorted(entries)) or "none"
            raise self._layers.error(f"{place}: there is no schedule {name!r}", f"There are: {known}{_ADVICE}")
        return entries[name], self._layers.convert(catalog, "schedules", name, to=entries[name].settings)

    def notifiers(self, entries: Mapping[str, NotifierEntry]) -> list[tuple[NotifierEntry, Any]]:
        """Return the notifiers that are enabled, as :meth:`policies`."""
        return self._chosen(None, "notifiers", "notifier", entries)

    def origin(self, catalog: str | None, *keys: str) -> Origin:
        """Return where a setting comes from, such as ``origin("shoes", "auto_sync", "enabled")``."""
        return self._layers.origin(catalog, *keys)

    def _chosen(
        self, catalog: str | None, section: str, noun: str, entries: Mapping[str, _Entry]
    ) -> list[tuple[_Entry, Any]]:
        self._layers.check_names(catalog, (section,), noun, entries, advice=_ADVICE)
        return [
            (entries[name], self._layers.convert(catalog, section, name, to=entries[name].settings))
            for name, value in self._layers.table(catalog, section).items()
            if not (section == "policies" and value is False)
        ]

    def _check_catalogs(self) -> None:
        for catalog in self._layers.table(None, "catalogs"):
            place = self._layers.name(None, "catalogs", catalog)
            try:
                check_catalog_id(catalog)
            except UsageError as error:
                raise self._layers.error(f"{place}: {error.message}", error.hint) from error
            self._layers.table(None, "catalogs", catalog)
            self._layers.check_names(None, ("catalogs", catalog), "override", _OVERRIDABLE)


def find_config(home: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the device's configuration: the file that ``CATSYNC_CONFIG`` names, else ``config.toml`` in the home.

    Raises:
        ConfigError: (local) the file that the variable names is missing; else as :func:`load_config`.
    """
    named = environment.get(VARIABLE)
    if not named:
        return load_config(home / FILE_NAME)
    path = Path(named).expanduser().absolute()
    if not path.exists():
        raise ConfigError(f"There is no file {path}", hint=f"Correct {VARIABLE}, which names it, or unset it")
    return load_config(path)


def load_config(path: Path) -> Config:
    """Read a configuration file; a missing one gives the defaults.

    Raises:
        ConfigError: (local) it cannot be read, is no TOML, is longer than 1 MiB, or something in it makes no sense.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
    except FileNotFoundError:
        return Config(Layers(path, {}))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(text) > LONGEST:
        raise ConfigError(f"{path} is longer than {LONGEST:,} bytes")
    import tomllib  # noqa: PLC0415 - most devices have no such file

    try:
        return Config(Layers(path, tomllib.loads(text.decode())))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: line {line} is not UTF-8", hint="Save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply") from error
