"""What a configuration file says, with the overrides of one catalog laid over what holds for all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from catsync_core.errors import ConfigError, PluginError
from catsync_core.spelling import find_close

__all__ = ["Layers", "Origin"]

_MISSING = object()


class Origin(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    OVERRIDE = "override"


class Layers(msgspec.Struct, frozen=True):
    """The tables of a file. A place in them is a sequence of keys; ``catalog`` is None for what holds for all.

    Attributes:
        path: Of the file, for messages.
        tables: What it says; checked so far that ``catalogs`` holds tables.
    """

    path: Path
    tables: Mapping[str, Any]

    @property
    def catalogs(self) -> Mapping[str, Mapping[str, Any]]:
        """The overrides by catalog."""
        return self.tables.get("catalogs", {})  # type: ignore[no-any-return]  # checked when the file was read

    def value(self, catalog: str | None, *keys: str) -> Any:  # noqa: ANN401 - TOML has values of many types
        """Return what stands at a place, merged key by key; None for nothing."""
        merged = _merge(_dig(self.tables, keys), self._own(catalog, keys))
        return None if merged is _MISSING else merged

    def table(self, catalog: str | None, *keys: str) -> dict[str, Any]:
        """Return the table at a place; where there is none, an empty one.

        Raises:
            ConfigError: (local) something else stands there.
        """
        value = self.value(catalog, *keys)
        if value is None:
            return {}
        if not isinstance(value, dict):
            place = self.name(catalog, *keys)
            raise self.error(f"{place} must be a table", f"Write its settings below a line [{place}]")
        return value

    def origin(self, catalog: str | None, *keys: str) -> Origin:
        """Return where the value at a place comes from."""
        if self._own(catalog, keys) is not _MISSING:
            return Origin.OVERRIDE
        return Origin.DEFAULT if _dig(self.tables, keys) is _MISSING else Origin.FILE

    def name(self, catalog: str | None, *keys: str) -> str:
        """Return the dotted key of a place: that of the override where there is one."""
        if self.origin(catalog, *keys) is Origin.OVERRIDE:
            keys = ("catalogs", str(catalog), *keys)
        return ".".join(map(_quote, keys))

    def convert(self, catalog: str | None, *keys: str, to: type[Any]) -> Any:  # noqa: ANN401 - of the type that is given
        """Return the table at a place as a struct.

        Raises:
            ConfigError: (local) the file has something in it that does not belong there.
            PluginError: the struct is of no use.
        """
        table = self.table(catalog, *keys)
        self.check_names(catalog, keys, "setting", _fields(to))
        try:
            return msgspec.convert(table, to)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$")
            field = re.match(r"\.([^.\[`]+)(.*)`", where)  # what lies deeper stays in the words of msgspec
            place = self.name(catalog, *keys, field[1]) + field[2] if field else self.name(catalog, *keys)
            raise self.error(f"{place}: {what}") from error
        except TypeError as error:
            raise PluginError(f"The plugin for [{'.'.join(keys)}] cannot be configured: {error}") from error

    def check_names(
        self, catalog: str | None, keys: Iterable[str], noun: str, known: Iterable[str], *, advice: str = ""
    ) -> None:
        """Refuse names in a table that nobody knows; the advice is for somebody who knows the name to be right.

        Raises:
            ConfigError: (local) there is one.
        """
        known = sorted(known)
        keys = tuple(keys)
        for name in self.table(catalog, *keys):
            if name not in known:
                close = find_close(name, known, most=1)
                meant = f"Did you mean {close[0]}? " if close else ""
                there = f"There are: {', '.join(known)}" if known else "There are none"
                raise self.error(
                    f"{self.name(catalog, *keys, name)}: there is no {noun} {name!r}", meant + there + advice
                )

    def error(self, problem: str, hint: str = "") -> ConfigError:
        """Return an error that names the file."""
        return ConfigError(f"{self.path}: {problem}", hint=hint)

    def _own(self, catalog: str | None, keys: Iterable[str]) -> Any:  # noqa: ANN401 - as in value
        return _MISSING if catalog is None else _dig(self.catalogs.get(catalog, {}), keys)


def _dig(value: Any, keys: Iterable[str]) -> Any:  # noqa: ANN401 - as in Layers.value
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return _MISSING
        value = value[key]
    return value


def _quote(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _merge(common: Any, own: Any) -> Any:  # noqa: ANN401 - as in Layers.value
    if own is _MISSING:
        return common
    if isinstance(common, dict) and isinstance(own, dict):
        return {key: _merge(common.get(key, _MISSING), own.get(key, _MISSING)) for key in {**common, **own}}
    return own


def _fields(struct: type[Any]) -> list[str]:
    try:
        return [field.encode_name for field in msgspec.structs.fields(struct)]
    except TypeError as error:
        raise PluginError(f"The settings {struct!r} of a plugin are no msgspec.Struct") from error
