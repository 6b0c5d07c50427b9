"""One device with repositories in memory, a clock that a test sets, and a policy that says what the test wants."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from catsync_core import Agent, Client, Publisher
from catsync_core.backends.protocol import Backend, Reply
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.client.runner import JobRunner
from catsync_core.events import Event, Listener
from catsync_core.hookspecs import BackendEntry, Decision, PolicyEntry, Verdict, hookimpl
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend
from catsync_plugins import schedule_daily

__all__ = ["NOW", "Stage"]

NOW = 1_790_000_000.0
CONTENT = ("packs/", "patches/")


class Settings(msgspec.Struct, frozen=True):
    """None."""


class Door(BackendWrapper):
    """Stays open when a client closes it, and lets something happen when content or the index is asked for."""

    def __init__(self, inner: Backend, stage: Stage) -> None:
        super().__init__(inner)
        self._stage = stage

    def prepare(self) -> None:
        self._stage.on_prepare()

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        if key == "index.json":
            self._stage.on_check()
        return self.inner.get(key, max_length=max_length, known_etag=known_etag)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        for number, piece in enumerate(self.inner.read(key, offset, length)):
            if number == 1 and key.startswith(CONTENT):
                self._stage.on_content()
            yield piece

    def close(self) -> None:
        """Leave it open."""


class Stage:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.now = NOW
        self.verdict = Verdict(Decision.ALLOW)
        self.starts = False
        self.events: list[Event] = []
        self.backends: dict[str, FaultyBackend] = {}
        self.on_content: Callable[[], object] = lambda: None
        self.on_check: Callable[[], object] = lambda: None
        self.on_prepare: Callable[[], object] = lambda: None

    @hookimpl
    def catsync_backends(self) -> Sequence[BackendEntry]:
        return [BackendEntry("memory", open=lambda url: Door(self.backends[url], self), redact=lambda url: url)]

    @hookimpl
    def catsync_policies(self) -> Sequence[PolicyEntry]:
        return [
            PolicyEntry(
                "gate",
                Settings,
                decide=lambda _question, _: self.verdict,
                starts_offline=lambda _offer, _: self.starts,
                starts_update=lambda _question, _: self.starts,
            )
        ]

    def add(self, name: str = "shop", *catalogs: str) -> FaultyBackend:
        """Make a repository with a version 1 of each catalog, and add it to the device."""
        backend = self.backends[f"memory://{name}"] = FaultyBackend(MemoryBackend(piece=500))
        Publisher(backend).init()
        for catalog in catalogs or ("shoes",):
            self.publish(1, catalog, name)
        with self.open() as client:
            client.add(f"memory://{name}")
        backend.calls.clear()
        return backend

    def publish(self, number: int, catalog: str = "shoes", name: str = "shop") -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "film.bin").write_bytes(Random(f"{catalog} {number}").randbytes(20_000))
            Publisher(self.backends[f"memory://{name}"]).publish(Path(folder), catalog)

    def enable_policy(self, *lines: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text("\n".join(["[policies.gate]", *lines]))

    def plugins(self) -> Plugins:
        plugins = Plugins()
        plugins.add(PluginRecord("stage", "tests", "1"), lambda: self)
        plugins.add(PluginRecord("daily", "tests", "1"), lambda: schedule_daily)
        return plugins

    def clock(self) -> float:
        return self.now

    def open(self, stop: threading.Event | None = None, *, listener: Listener | None = None) -> Client:
        return Client(
            self.home, listener=listener or self.events.append, plugins=self.plugins(), cancelled=stop, now=self.clock
        )

    def runner(self) -> JobRunner:
        return JobRunner(self.home, listener=self.events.append, plugins=self.plugins(), now=self.clock)

    def agent(self, ticks: Callable[[], float] = lambda: 0.0) -> Agent:
        return Agent(self.home, listener=self.events.append, plugins=self.plugins(), now=self.clock, ticks=ticks)

    def content(self) -> int:
        """Return how often content was asked for."""
        return sum(key.startswith(CONTENT) for backend in self.backends.values() for _, key in backend.calls)

    def checks(self) -> int:
        """Return how often an index was asked for."""
        return sum(key == "index.json" for backend in self.backends.values() for _, key in backend.calls)
