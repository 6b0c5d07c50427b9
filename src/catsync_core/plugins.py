"""Find and call the plugins, so that a broken one is named and skipped and never stops anything.

pluggy's own entry-point loader stops at the first plugin that cannot be imported, and a hook call at the first one
that raises; so plugins are loaded one by one here, and called one by one.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
import pluggy
from msgspec.structs import replace

from catsync_core import __version__, hookspecs
from catsync_core.entry_points import find_entry_points
from catsync_core.errors import PluginError
from catsync_core.hookspecs import BackendEntry, NotifierEntry, PolicyEntry, ScheduleEntry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    import click

__all__ = ["PluginRecord", "Plugins", "load_plugins"]

GROUP = "catsync"
_AnyEntry = BackendEntry | PolicyEntry | ScheduleEntry | NotifierEntry
_Entry = TypeVar("_Entry", BackendEntry, PolicyEntry, ScheduleEntry, NotifierEntry)
BUILT_IN: Mapping[str, str] = {
    "catsync_plugins.backend_file": "catsync_backends",
    "catsync_plugins.backend_http": "catsync_backends",
    "catsync_plugins.gateway": "catsync_commands",
    "catsync_plugins.notify_desktop": "catsync_notifiers",
    "catsync_plugins.notify_log": "catsync_notifiers",
    "catsync_plugins.notify_terminal": "catsync_notifiers",
    "catsync_plugins.notify_webhook": "catsync_notifiers",
    "catsync_plugins.policy_network": "catsync_policies",
    "catsync_plugins.policy_offline_by_default": "catsync_policies",
    "catsync_plugins.policy_quota": "catsync_policies",
    "catsync_plugins.policy_rate": "catsync_policies",
    "catsync_plugins.policy_window": "catsync_policies",
    "catsync_plugins.schedule_cron": "catsync_schedules",
    "catsync_plugins.schedule_daily": "catsync_schedules",
    "catsync_plugins.top": "catsync_commands",
    "catsync_plugins.web": "catsync_commands",
}
"""The modules of the built-in plugins, each with the one hook that it implements and is loaded for."""

_HOOKS: Mapping[type, str] = {
    BackendEntry: "catsync_backends",
    PolicyEntry: "catsync_policies",
    ScheduleEntry: "catsync_schedules",
    NotifierEntry: "catsync_notifiers",
}
_COMMANDS = "catsync_commands"


class PluginRecord(msgspec.Struct, frozen=True):
    """What became of one plugin.

    Attributes:
        name: Name of its entry point, or of its module for a built-in one.
        distribution: What to install or remove to change it.
        version: Of the distribution.
        status: ``active``; ``disabled`` by ``CATSYNC_DISABLE_PLUGINS``; or ``broken``.
        error: Why it is broken; else empty.
    """

    name: str
    distribution: str
    version: str
    status: Literal["active", "disabled", "broken"] = "active"
    error: str = ""


class Plugins:
    """The plugins of one process. Make it with :func:`load_plugins`."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._records: dict[str, PluginRecord] = {}
        self._waiting: dict[str, tuple[str, Callable[[], object]]] = {}  # by name: the hook to load it for, and how
        self._loading = threading.RLock()
        self._entries: dict[type, Mapping[str, object]] = {}
        self._offerers: dict[tuple[type, str], str] = {}

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """All plugins that were found, whatever became of them, in the order of loading; loads those that wait."""
        self._load_for({*_HOOKS.values(), _COMMANDS})
        return tuple(self._records.values())

    @property
    def broken(self) -> tuple[PluginRecord, ...]:
        """Those that turned out to be broken so far."""
        return tuple(record for record in self._records.values() if record.status == "broken")

    def add(self, record: PluginRecord, load: Callable[[], object], *, hook: str | None = None) -> None:
        """Load and register one plugin; what goes wrong is recorded.

        Args:
            record: Its name and origin.
            load: Returns the module or object that holds the hook implementations.
            hook: The one hook that it implements, if that is known: then it is loaded when that is first called.
        """
        if record.name in self._records:
            other = self._records[record.name]
            name = f"{record.name} ({record.distribution})"
            error = f"the name {record.name} is taken by {other.distribution} {other.version}"
            self._records[name] = replace(record, name=name, status="broken", error=error)
            return
        self._records[record.name] = record
        if record.status == "disabled":
            return
        self._entries.clear()
        if hook is None:
            self._load(record.name, load)
        else:
            self._waiting[record.name] = (hook, load)

    def _load_for(self, hooks: Collection[str]) -> None:
        with self._loading:  # whoever asks meanwhile must not see only some of them
            for name, (hook, load) in list(self._waiting.items()):
                if hook in hooks:
                    self._load(name, load)
                    del self._waiting[name]

    def _load(self, name: str, load: Callable[[], object]) -> None:
        try:
            self._manager.register(load(), name)
            self._manager.check_pending()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does, the others go on
            self._drop(name, error)

    def call(self, hook: str, **arguments: object) -> Iterator[tuple[str, object]]:
        """Call a hook of one plugin after the other; one that raises is recorded and not called again.

        Args:
            hook: Name of the hook.
            **arguments: What the hook takes.

        Yields:
            Each plugin's name with what it returned.
        """
        self._load_for({hook})
        plugins = {name: plugin for name in self._records if (plugin := self._manager.get_plugin(name)) is not None}
        for name, plugin in plugins.items():
            others = [other for other in plugins.values() if other is not plugin]
            try:
                results = self._manager.subset_hook_caller(hook, others)(**arguments)
            except Exception as error:  # noqa: BLE001 - as above
                self._drop(name, error)
            else:
                yield from ((name, result) for result in results)

    def backends(self) -> Mapping[str, BackendEntry]:
        """The kinds of backends, by URL scheme; plugins are asked once.

        Raises:
            PluginError: two plugins offer the same scheme.
        """
        return self._offered("backend", BackendEntry)

    def policies(self) -> Mapping[str, PolicyEntry]:
        """The policies by name, as :meth:`backends`."""
        return self._offered("policy", PolicyEntry)

    def schedules(self) -> Mapping[str, ScheduleEntry]:
        """The schedules by name, as :meth:`backends`."""
        return self._offered("schedule", ScheduleEntry)

    def notifiers(self) -> Mapping[str, NotifierEntry]:
        """The notifiers by name, as :meth:`backends`."""
        return self._offered("notifier", NotifierEntry)

    def record_failure(self, entry: _AnyEntry, error: BaseException) -> None:
        """Record that an entry failed when it was used: its plugin counts as broken, and no hook of it is called again.

        What the plugin offered before stays; whoever uses it decides whether to go on with it.
        """
        name = self._offerers.get((type(entry), _offer(entry)))
        if name is not None and self._records[name].status == "active":
            self._drop(name, error)

    def add_commands(self, cli: click.Group) -> None:
        """Let every plugin add its commands to the command line."""
        for _ in self.call(_COMMANDS, cli=cli):
            pass

    def _offered(self, noun: str, kind: type[_Entry]) -> Mapping[str, _Entry]:
        if kind not in self._entries:
            self._entries[kind] = self._ask(_HOOKS[kind], noun, kind)
        return self._entries[kind]  # type: ignore[return-value]  # the key is the kind

    def _ask(self, hook: str, noun: str, kind: type[_Entry]) -> Mapping[str, _Entry]:
        offers: dict[str, tuple[str, _Entry]] = {}
        for name, entries in self.call(hook):
            try:
                checked = [_check_entry(hook, entry, kind) for entry in entries]  # type: ignore[attr-defined]  # checked here
            except Exception as error:  # noqa: BLE001 - as above
                self._drop(name, error)
                continue
            for entry in checked:
                offer = _offer(entry)
                if offer in offers:
                    raise PluginError(
                        f"The plugins {self._describe(offers[offer][0])} and {self._describe(name)} "
                        f"both offer the {noun} {offer}",
                        hint=f"Disable one of them, such as by CATSYNC_DISABLE_PLUGINS={name}",
                    )
                offers[offer] = (name, entry)
                self._offerers[kind, offer] = name
        return {offer: entry for offer, (_, entry) in offers.items()}

    def _drop(self, name: str, error: BaseException) -> None:
        self._manager.unregister(name=name)
        reason = f"{type(error).__name__}: {error}"
        self._records[name] = replace(self._records[name], status="broken", error=reason)

    def _describe(self, name: str) -> str:
        record = self._records[name]
        return f"{name} ({record.distribution} {record.version})"


def load_plugins(environment: Mapping[str, str] = os.environ) -> Plugins:
    """Load the built-in plugins and those of other distributions (entry point group ``catsync``).

    Args:
        environment: ``CATSYNC_DISABLE_PLUGINS`` in it names plugins to leave out, separated by commas.
    """
    disabled = {name.strip() for name in environment.get("CATSYNC_DISABLE_PLUGINS", "").split(",")}
    plugins = Plugins()

    def record(name: str, distribution: str, version: str) -> PluginRecord:
        return PluginRecord(name, distribution, version, "disabled" if name in disabled else "active")

    for module, hook in BUILT_IN.items():
        built_in = record(module.rpartition(".")[2], "catsync", __version__)
        plugins.add(built_in, partial(importlib.import_module, module), hook=hook)
    for point in find_entry_points(GROUP):
        plugins.add(record(point.name, *_origin(point)), point.load)
    return plugins


def _origin(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return point.value, ""
    return point.dist.name, point.dist.version


def _offer(entry: _AnyEntry) -> str:
    return entry.scheme if isinstance(entry, BackendEntry) else entry.name


def _check_entry(hook: str, entry: object, kind: type[_Entry]) -> _Entry:
    if not isinstance(entry, kind):
        raise TypeError(f"{hook} returned {entry!r}, which is no {kind.__name__}")
    return entry
