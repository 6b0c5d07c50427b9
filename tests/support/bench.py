"""A publisher and its devices, with a repository in memory between them, and what was asked of it."""

from __future__ import annotations

from pathlib import Path

from catsync_core import Client, Effort, Publisher
from catsync_core.backends.protocol import Backend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.client.report import Summary
from catsync_core.events import Event, Warned
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend

__all__ = ["Bench", "Tree", "counted", "interrupt", "read"]

Tree = dict[str, bytes]


class Open(BackendWrapper):
    """Stays open when a client closes it."""

    def close(self) -> None:
        """Leave it open."""


class Bench:
    """A repository in memory, its publisher, and devices."""

    def __init__(self, folder: Path) -> None:
        self.backend = FaultyBackend(MemoryBackend(piece=700))
        self.events: list[Event] = []
        self._folder = folder
        self._publisher = Publisher(self.backend)
        self._publisher.init()

    @hookimpl
    def catsync_backends(self) -> list[BackendEntry]:
        def open_(_: str) -> Backend:
            return Open(self.backend)

        return [BackendEntry("memory", open=open_, redact=lambda url: url)]

    def publish(self, tree: Tree, effort: Effort = Effort.DEFAULT) -> None:
        source = self._folder / "source"
        source.mkdir(exist_ok=True)
        for file in source.iterdir():
            file.unlink()
        for path, data in tree.items():
            (source / path).write_bytes(data)
        self._publisher.publish(source, "shoes", effort=effort)

    def plugins(self) -> Plugins:
        plugins = Plugins()
        plugins.add(PluginRecord("memory", "tests", "1"), lambda: self)
        return plugins

    def device(self, name: str = "home") -> Client:
        client = Client(self._folder / name, listener=self.events.append, plugins=self.plugins())
        if not client.repositories():
            client.add("memory://shop")
        return client

    def install(self, name: str = "home") -> None:
        with self.device(name) as client:
            client.catalog("shoes").go_offline()
        self.forget()

    def forget(self) -> None:
        self.events.clear()
        self.backend.calls.clear()

    def asked(self) -> list[str]:
        """Return the kinds of the objects that were asked for since the last call."""
        kinds = [key.partition("/")[0] for _, key in self.backend.calls]
        self.forget()
        return kinds

    def stored(self, *kinds: str) -> int:
        """Return the bytes of objects that were asked for since the last call of :meth:`forget`, by their kinds."""
        keys = {key for _, key in self.backend.calls if key.partition("/")[0] in kinds}
        return sum(len(self.backend.inner.get(key, max_length=1 << 30).body) for key in keys)

    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


def read(client: Client) -> Tree:
    root = client.catalog("shoes").path()
    assert client.catalog("shoes").verify().damaged == ()
    return {file.name: file.read_bytes() for file in root.iterdir()}


def counted(summary: Summary) -> dict[str, int]:
    return {action: total.files for action, total in summary.actions.items() if total.files}


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
