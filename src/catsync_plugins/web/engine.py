"""The device as it is: what the page shows and commands, done by the engine.

Commands are written into the state and done by whoever runs the queue; so the state is what is shown too, whatever
process changed it. Only the progress of jobs that run in this process is known sooner, by their events.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from catsync_core import (
    CatalogInfo,
    Changes,
    Checked,
    Client,
    Event,
    JobKind,
    Phase,
    Progress,
    __version__,
)
from catsync_core.errors import LocalError, LockedError
from catsync_core.plugins import Plugins
from catsync_plugins.web.device import Command
from catsync_plugins.web.overview import Overview
from catsync_plugins.web.rows import DeviceLine, Row, RowJob
from catsync_plugins.web.sizes import Sizes
from catsync_plugins.web.views import row_of, unreachable

__all__ = ["EngineDevice"]

_JOBS = {
    "offline": JobKind.INSTALL,
    "update": JobKind.UPDATE,
    "repair": JobKind.REPAIR,
    "rollback": JobKind.ROLLBACK,
    "online": JobKind.REMOVE,
}


class _Verifying(msgspec.Struct):
    """A local copy that is being verified here, and what came of it."""

    job: RowJob | None = None
    verified_at: int = 0
    damaged: int = 0


class _Live(msgspec.Struct):
    """What events tell of the jobs of this process."""

    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)
    steps: dict[str, tuple[str, int, int]] = msgspec.field(default_factory=dict)


class EngineDevice:
    """A home and everything that can be done with it.

    Args:
        home: Where catalogs and state lie.
        plugins: Of this process.
        content: The port at which catalogs' content is served; empty for none.
    """

    def __init__(self, home: Path, plugins: Plugins, content: str = "") -> None:
        self._home = home
        self._plugins = plugins
        self._content = content
        self._live = _Live()
        self._checking = 0
        self._verifying: dict[str, _Verifying] = {}
        self._stop = threading.Event()
        self._client = self._open()  # the feed's own: it is used by the feed's thread only
        self._overview = Overview(self._client, self._row)
        self._rows: list[Row] = []
        self._sizes = Sizes(self._open, self._overview.touch)

    def close(self) -> None:
        """End what is under way here."""
        self._stop.set()
        self._sizes.close()
        self._client.close()

    def listen(self, event: Event) -> None:
        """Take an event of a job that runs in this process."""
        with self._live.lock:
            if isinstance(event, Phase):
                self._live.steps[event.subject] = (event.name, 0, event.total)
            elif isinstance(event, Progress):
                name, _, _ = self._live.steps.get(event.subject, ("", 0, 0))
                self._live.steps[event.subject] = (name, event.done, event.total)
        self._overview.touch()

    def changed(self) -> bool:
        """Return whether there is something new."""
        return self._overview.changed()

    def rows(self) -> list[Row]:
        """Return all rows."""
        self._rows = self._overview.rows()
        self._sizes.want(self._rows)
        return self._rows

    def line(self) -> DeviceLine:
        """Return the line about the device, after its rows."""
        sources = [source.row for source in self._client.repositories()]
        times = [row.next_check_at for row in self._rows if row.next_check_at] if self._client.has_agent() else []
        free = 0
        with suppress(OSError):  # a home that is not there yet has no space either
            free = shutil.disk_usage(self._home).free
        return DeviceLine(
            version=__version__,
            repositories=len(sources),
            used=sum(row.installed_bytes + row.kept_bytes for row in self._rows),
            free=free - free % 1_000_000,  # what moves with every log line is no news
            checking=self._checking > 0,
            checked_at=max((row.checked_at for row in sources), default=0),
            next_check_at=min(times, default=0),
            unreachable=bool(sources) and all(unreachable(row.problem_code) for row in sources),
            content=self._content,
        )

    def obey(self, command: Command) -> None:
        """Begin what the user wants."""
        try:
            self._do(command)
        finally:
            self._overview.touch(command.catalog)

    def check(self, catalogs: Sequence[str]) -> list[Checked]:
        """Ask repositories for updates."""
        self._checking += 1
        self._overview.touch()
        try:
            with self._open() as client:
                return client.check(catalogs)
        finally:
            self._checking -= 1
            self._overview.touch()

    def info(self, catalog: str) -> CatalogInfo:
        """Return everything about one catalog."""
        with self._open() as client:
            return client.catalog(catalog).info()

    def changes(self, catalog: str) -> Changes:
        """Return what is new in the newest version."""
        with self._open() as client:
            return client.catalog(catalog).changes()

    def add(self, repository: str) -> None:
        """Add a repository."""
        with self._open() as client:
            client.add(repository)

    def _do(self, command: Command) -> None:
        if command.name == "verify":
            self._verify(command.catalog)
            return
        with self._open() as client:
            catalog = client.catalog(command.catalog)
            if command.name == "online" and command.force:
                catalog.go_online(force=True)
            elif command.name in _JOBS:
                catalog.ask(_JOBS[command.name], consented=command.consent)
            elif command.name == "auto-sync":
                catalog.set_auto_sync(on=command.on)
            elif command.name == "resume":
                catalog.resume(consented=command.consent)
            else:
                simple: dict[str, Callable[[], object]] = {
                    "pause": catalog.pause,
                    "cancel": catalog.cancel,
                    "skip": catalog.skip,
                }
                simple[command.name]()

    def _row(self, info: CatalogInfo, position: int) -> Row:
        with self._live.lock:
            step = self._live.steps.get(info.catalog)
        row = row_of(info, position, step, self._sizes.of(info))
        verifying = self._verifying.get(info.catalog)
        return row if verifying is None else _with_verification(row, verifying)

    def _open(self) -> Client:
        return Client(self._home, plugins=self._plugins, cancelled=self._stop)

    def _verify(self, catalog: str) -> None:
        verifying = self._verifying.setdefault(catalog, _Verifying())
        if verifying.job is not None:
            raise LockedError(f"{catalog} is being verified already")
        verifying.job = RowJob("verify", "verify", running=True)
        threading.Thread(target=self._run_verify, args=[catalog, verifying], name="catsync-verify", daemon=True).start()

    def _run_verify(self, catalog: str, verifying: _Verifying) -> None:
        def listen(event: Event) -> None:
            if isinstance(event, Progress):
                verifying.job = RowJob("verify", "verify", done=event.done, total=event.total, running=True)
                self._overview.touch(catalog)

        try:
            with Client(self._home, listener=listen, plugins=self._plugins, cancelled=self._stop) as client:
                report = client.catalog(catalog).verify()
                verifying.damaged = len(report.damaged) + len(report.missing)
                verifying.verified_at = int(time.time())
        except LocalError:
            verifying.verified_at = 0  # it went, or another process works on it, as the row then shows
        finally:
            verifying.job = None
            self._overview.touch(catalog)


def _with_verification(row: Row, verifying: _Verifying) -> Row:
    fields: dict[str, object] = {"verified_at": verifying.verified_at, "damaged": verifying.damaged}
    if verifying.job is not None and row.job is None:
        fields |= {"job": verifying.job, "label": "verifying"}
    return msgspec.structs.replace(row, **fields)
